import { Opaque, TensorView, type Value } from "./values.ts";

/** A dictionary in a pickle and the path that leads to it. */
export interface Found {
  readonly path: string;
  readonly dictionary: ReadonlyMap<Value, Value>;
}

/** What a saved PyTorch object holds for us. */
export interface Contents {
  /** The model's tensors: keys of its state_dict, or dotted paths. */
  readonly tensors: ReadonlyMap<string, TensorView>;
  /** Dictionaries with `state` and `param_groups`, as `Optimizer.state_dict` makes them. */
  readonly optimizers: readonly Found[];
  /** Dictionaries with `_last_lr`, as the `state_dict` of a scheduler has it. */
  readonly schedulers: readonly Found[];
  /** Tensors of a kind that is not read (sparse, quantised), with the call that would make them. */
  readonly unread: ReadonlyMap<string, string>;
  /** Class name when a whole module was pickled instead of its state_dict. */
  readonly wholeModule?: string;
  /** Plain numbers of the outermost dictionary. */
  readonly plain: ReadonlyMap<Value, Value>;
}

/** Keys under which training scripts keep the model's state_dict, most telling first. */
const modelKeys = [
  "state_dict",
  "model_state_dict",
  "model_state",
  "model",
  "net",
  "network",
  "module",
  "weights",
  "params",
  "parameters",
];
const maximumDepth = 24;
/** Limits that no real file comes near; hostile ones would otherwise multiply long names. */
const maximumPath = 1024;
const maximumTensors = 200_000;

/**
 * Finds the model's tensors, optimizers, schedulers and progress in an unpickled object. A state_dict under
 * one of the usual keys gives its tensors under their own names; all others keep their dotted path.
 * Optimizer states are recognised by their `state` and `param_groups`, wherever they are.
 */
export function findContents(root: Value): Contents {
  const walk = new Walk();
  const dictionary = asDictionary(root);
  const modelKey = dictionary && !holdsTensors(dictionary) ? pickModelKey(dictionary) : undefined;
  if (modelKey !== undefined) {
    walk.visit(dictionary?.get(modelKey) ?? null, "", 0);
  }
  walk.visit(root, "", 0);
  return {
    tensors: walk.tensors,
    optimizers: walk.optimizers,
    schedulers: walk.schedulers,
    unread: walk.unread,
    plain: dictionary ?? new Map(),
    ...(walk.wholeModule === undefined ? {} : { wholeModule: walk.wholeModule }),
  };
}

class Walk {
  readonly tensors = new Map<string, TensorView>();
  readonly unread = new Map<string, string>();
  readonly optimizers: Found[] = [];
  readonly schedulers: Found[] = [];
  wholeModule: string | undefined;
  /** Each container once: shared references would otherwise multiply without end. */
  private readonly seen = new Set<Value>();

  visit(value: Value, path: string, depth: number): void {
    if (value instanceof TensorView) {
      if (!this.tensors.has(path) && this.tensors.size < maximumTensors) {
        this.tensors.set(path, value);
      }
      return;
    }
    if (
      value === null ||
      typeof value !== "object" ||
      this.seen.has(value) ||
      depth > maximumDepth ||
      path.length > maximumPath
    ) {
      return;
    }
    this.seen.add(value);
    if (value instanceof Opaque) {
      this.visitOpaque(value, path);
    }
    const dictionary = asDictionary(value);
    if (dictionary && isOptimizer(dictionary)) {
      this.optimizers.push({ path, dictionary });
    } else if (dictionary && Array.isArray(dictionary.get("_last_lr"))) {
      this.schedulers.push({ path, dictionary });
    } else if (dictionary) {
      for (const [key, item] of dictionary) {
        if (typeof key === "string" || typeof key === "number") {
          this.visit(item, path === "" ? String(key) : `${path}.${key}`, depth + 1);
        }
      }
    } else if (Array.isArray(value)) {
      // Tensors in lists have no name of their own: moving averages, scheduler rates. Optimizers may be there.
      value.forEach((item, index) => {
        if (!(item instanceof TensorView)) {
          this.visit(item, `${path}[${index}]`, depth + 1);
        }
      });
    }
  }

  private visitOpaque(value: Opaque, path: string): void {
    if (value.type.startsWith("torch._utils._rebuild_")) {
      this.unread.set(path, value.type);
    }
    if (
      value.state instanceof Map &&
      value.state.has("_parameters") &&
      value.state.has("_modules")
    ) {
      this.wholeModule ??= value.type;
    }
  }
}

/** A dictionary, or the items of an object whose class extends dict. */
function asDictionary(value: Value): ReadonlyMap<Value, Value> | undefined {
  if (value instanceof Map) {
    return value;
  }
  return value instanceof Opaque && value.items.size > 0 ? value.items : undefined;
}

function isOptimizer(dictionary: ReadonlyMap<Value, Value>): boolean {
  return dictionary.has("state") && Array.isArray(dictionary.get("param_groups"));
}

function holdsTensors(dictionary: ReadonlyMap<Value, Value>): boolean {
  for (const value of dictionary.values()) {
    if (value instanceof TensorView) {
      return true;
    }
  }
  return false;
}

function pickModelKey(dictionary: ReadonlyMap<Value, Value>): string | undefined {
  return modelKeys.find((key) => {
    const value = asDictionary(dictionary.get(key) ?? null);
    return value !== undefined && !isOptimizer(value) && holdsTensors(value);
  });
}
