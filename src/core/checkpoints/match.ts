import { counted } from "../counted.ts";
import { TracInError } from "../errors.ts";
import { formatShape, sameShape, sizeOf } from "../graph/tensor.ts";
import type { Model, ModelWeight } from "../models/model.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type Copy, findNaming, type Naming } from "./naming.ts";

/** True for what Lightning keeps beside the weights, such as the best score of a callback. */
export function isTrainerState(name: string): boolean {
  return /^(callbacks|loops|optimizer_states|lr_schedulers|hyper_parameters)\./.test(name);
}

/** How a checkpoint's tensors and the model's weights belong together. */
export interface Match {
  /** Checkpoint tensor for each weight of the model (parameters and buffers). */
  readonly names: ReadonlyMap<string, string>;
  /** Weights that no checkpoint holds: constants of the architecture. They keep the model file's values. */
  readonly constants: readonly string[];
  /** Tensors of the checkpoint that the model does not use. */
  readonly surplus: readonly string[];
  /** Prefix that the checkpoint's names have and the model's have not. */
  readonly prefix: string;
  /** Further sets of weights in the file that fit the model as well. */
  readonly copies: readonly Copy[];
}

export interface MatchOptions {
  /** `checkpoints.prefix` of the configuration; found by best fit where it is not given. */
  readonly prefix?: string | undefined;
  /** True for weights that may be missing from the checkpoint, such as frozen ones. */
  readonly optional?: ((name: string) => boolean) | undefined;
}

/**
 * Finds the tensor of a checkpoint for each weight of the model, by name.
 *
 * Wrappers leave prefixes (`module.`, `model.`, `_orig_mod.`): the one under which most weights are found with
 * their shape is taken, unless it is configured.
 *
 * A weight that is missing is an error, with one exception, since exporters store constants of the architecture
 * as initializers too: a single number under a name that no module gives (`onnx::Mul_7`, `val_3`) is taken for a
 * constant when no unused floating tensor of the checkpoint has one element. So a trained weight that the exporter
 * renamed or computed from others (`onnx::MatMul_12` for a transposed `fc.weight`, `onnx::Add_3` for rows of a
 * position table) is reported and never silently frozen. So is batch normalisation that it merged into another layer:
 * that layer has its name, but no longer its meaning.
 *
 * Throws kind `checkpoint`, naming the tensor, both shapes and the file.
 */
export function matchCheckpoint(
  model: Model,
  checkpoint: Checkpoint,
  options: MatchOptions = {},
): Match {
  const wanted = model.weights.filter(({ role }) => role !== "constant");
  const naming = findNaming(wanted, checkpoint, options.prefix);
  const names = new Map<string, string>();
  const missing: ModelWeight[] = [];
  for (const weight of wanted) {
    const name = naming.tensorFor(weight.name);
    if (name === undefined) {
      missing.push(weight);
    } else {
      names.set(weight.name, name);
    }
  }
  const copied = new Set(naming.copies.flatMap(({ tensors }) => [...tensors]));
  const unused = () => {
    const used = new Set(names.values());
    return [...checkpoint.tensors.keys()].filter(
      (name) =>
        !used.has(name) &&
        !copied.has(name) &&
        !name.endsWith("num_batches_tracked") &&
        !isTrainerState(name),
    );
  };
  const sharing = unused();
  for (const weight of missing) {
    const name = twinOf(weight, model, checkpoint, naming, sharing);
    if (name !== undefined) {
      names.set(weight.name, name);
    }
  }
  const used = new Set(names.values());
  const surplus = unused();
  const lacking = missing.filter(({ name }) => !names.has(name));
  const isOptional = ({ name, role }: ModelWeight): boolean =>
    model.hollow !== true &&
    (options.optional?.(name) === true ||
      // The model file says that it was frozen, and an adapter holds nothing that was.
      (checkpoint.isAdapter === true && role === "buffer"));
  const absent = lacking.filter(
    (weight) => !isOptional(weight) && !isConstant(weight, surplus, checkpoint),
  );
  if (absent.length > 0) {
    throw missingError(absent, wanted, surplus, naming, model, checkpoint);
  }
  checkShapes(wanted, names, model, checkpoint);
  checkFused(surplus, used, naming, model, checkpoint, options);
  return {
    names,
    constants: lacking.map(({ name }) => name),
    surplus,
    prefix: naming.prefix,
    copies: naming.copies,
  };
}

/**
 * Matches every checkpoint of a series. The constants must be the same everywhere: a weight that only some
 * checkpoints hold is an error.
 */
export function matchCheckpoints(
  model: Model,
  checkpoints: readonly Checkpoint[],
  options: MatchOptions = {},
): readonly Match[] {
  const matches = checkpoints.map((checkpoint) => matchCheckpoint(model, checkpoint, options));
  for (const [index, match] of matches.entries()) {
    const lost = match.constants.find((name) => matches.some((other) => other.names.has(name)));
    if (lost !== undefined) {
      throw new TracInError(
        "checkpoint",
        `The tensor "${lost}" is missing here, but other checkpoints hold it.`,
        { file: checkpoints[index]?.file ?? "", tensor: lost },
        "Use checkpoints of one training run and one architecture.",
      );
    }
  }
  return matches;
}

/**
 * The tensor under which a checkpoint keeps a weight that its file stores once for several names, when the model has it
 * under another of them (an output layer that is the embedding table). The names of a tie stand in the metadata of the
 * model or of the safetensors file; or the graph itself uses the weight at several nodes and a single unused tensor has
 * its shape.
 */
function twinOf(
  weight: ModelWeight,
  model: Model,
  checkpoint: Checkpoint,
  naming: Naming,
  unused: readonly string[],
): string | undefined {
  const tied = model.ties?.find((names) => names.includes(weight.name)) ?? [];
  for (const name of tied) {
    const tensor = naming.tensorFor(name);
    if (tensor !== undefined && unused.includes(tensor)) {
      return tensor;
    }
  }
  const kept = checkpoint.ties?.get(naming.prefix + weight.name);
  if (kept !== undefined && unused.includes(kept)) {
    return kept;
  }
  const uses = model.graph.nodes.filter(({ inputs }) => inputs.includes(weight.name)).length;
  const alike = unused.filter((name) => {
    const tensor = checkpoint.tensors.get(name);
    return tensor?.dtype.includes("float") === true && sameShape(tensor.shape, weight.shape);
  });
  return uses > 1 && alike.length === 1 && weight.shape.length > 1 ? alike[0] : undefined;
}

/** Names that PyTorch modules cannot give: made by an exporter for a value of the graph. */
const exporterName = /[/:]|^(val|const|constant|_val|_const|scalar_tensor_default)_?\d*$|^\d+$|^$/i;

function isConstant(
  weight: ModelWeight,
  surplus: readonly string[],
  checkpoint: Checkpoint,
): boolean {
  const isNumber = (shape: readonly number[]): boolean => sizeOf(shape) === 1;
  return (
    weight.aliases === undefined &&
    isNumber(weight.shape) &&
    exporterName.test(weight.name) &&
    !surplus.some((name) => {
      const tensor = checkpoint.tensors.get(name);
      return tensor?.dtype.includes("float") === true && isNumber(tensor.shape);
    })
  );
}

/**
 * Running statistics that the model does not use, beside weights that it does: an exporter multiplied batch
 * normalisation into the layer before it, which keeps its name. (A module that is not used at all is no trouble.)
 */
function checkFused(
  surplus: readonly string[],
  used: ReadonlySet<string>,
  naming: Naming,
  model: Model,
  checkpoint: Checkpoint,
  options: MatchOptions,
): void {
  const statistics = /(?:^|\.)([^.]+\.)running_(?:mean|var)$/;
  const fused = surplus.find((name) => {
    const own = name.startsWith(naming.prefix) ? statistics.exec(name) : null;
    const parent = own && name.slice(0, name.lastIndexOf(own[1] as string));
    return (
      parent !== null &&
      options.optional?.(name.slice(naming.prefix.length)) !== true &&
      [...used].some((other) => other.startsWith(parent))
    );
  });
  if (fused !== undefined) {
    throw new TracInError(
      "checkpoint",
      `The checkpoint has running statistics that the model ${model.file} does not use: the exporter has merged batch normalisation into another layer, whose weights are no longer those of the checkpoint.`,
      { file: checkpoint.file, tensor: fused },
      'Export the model again with the script of TracIn: Export PyTorch Model, which keeps the layers apart; if the model never calls this layer, name it under "frozen" in tracin.json.',
    );
  }
}

function missingError(
  absent: readonly ModelWeight[],
  wanted: readonly ModelWeight[],
  surplus: readonly string[],
  naming: Naming,
  model: Model,
  checkpoint: Checkpoint,
): TracInError {
  const [first] = absent;
  const place = { file: checkpoint.file, ...(first ? { tensor: first.name } : {}) };
  const unused = surplus.length > 0 ? ` Unused in the checkpoint: ${list(surplus)}.` : "";
  if (absent.length === wanted.length) {
    return new TracInError(
      "checkpoint",
      `No tensor of the checkpoint fits the model ${model.file}${naming.configured ? ` with the prefix "${naming.prefix}"` : ""}. The model has ${list(wanted.map(({ name }) => name))}.${unused}`,
      place,
      naming.configured
        ? 'Correct "checkpoints.prefix" in tracin.json, or remove it.'
        : 'Use checkpoints of this model, or set "checkpoints.prefix" in tracin.json.',
    );
  }
  if (checkpoint.isAdapter) {
    return new TracInError(
      "checkpoint",
      `This is an adapter (PEFT): it holds only ${counted(checkpoint.tensors.size, "tensor")} added to another model, and the model ${model.file} needs the weight "${first?.name}"${absent.length > 1 ? ` and ${absent.length - 1} more` : ""}.`,
      place,
      'Export the model with the adapter in it (TracIn: Export PyTorch Model records what is frozen; else name it under "frozen"), or save whole models: model.merge_and_unload().save_pretrained(...) for each checkpoint.',
    );
  }
  const renamed =
    first !== undefined &&
    first.aliases === undefined &&
    (first.computed === true || exporterName.test(first.name));
  const tied = checkpoint.ties?.get(naming.prefix + first?.name);
  const isUntrained = model.recorded && first?.role === "buffer";
  return new TracInError(
    "checkpoint",
    `The model ${model.file} has the weight "${first?.name}" of shape ${formatShape(first?.shape ?? [])}, but the checkpoint has no tensor of that name.${absent.length > 1 ? ` Also missing: ${list(absent.slice(1).map(({ name }) => name))}.` : ""}${unused}`,
    place,
    tied !== undefined
      ? `The file says that it is tied to "${tied}", but the model has two weights: export the model again, with the weights tied.`
      : isUntrained
        ? 'It is not trained. If it is the same in all checkpoints (sinusoidal positions, which transformers leaves out of its files), name it under "frozen" in tracin.json: then the value in the model file serves.'
        : renamed
          ? 'The exporter renamed this weight or computed it from others: export the model again with the script of TracIn: Export PyTorch Model, which keeps the weights apart (or with torch.onnx.export(..., dynamo=True, optimize=False)); if it is a constant, name it under "frozen" in tracin.json.'
          : "Export the model from the same code that wrote the checkpoint, with the script of TracIn: Export PyTorch Model: it records the other names that transformers and PEFT give to tensors in their files.",
  );
}

function checkShapes(
  wanted: readonly ModelWeight[],
  names: ReadonlyMap<string, string>,
  model: Model,
  checkpoint: Checkpoint,
): void {
  for (const weight of wanted) {
    const name = names.get(weight.name) ?? "";
    const tensor = checkpoint.tensors.get(name);
    if (!tensor) {
      continue;
    }
    if (!sameShape(tensor.shape, weight.shape)) {
      throw new TracInError(
        "checkpoint",
        `The tensor has the shape ${formatShape(tensor.shape)}, but the model ${model.file} has ${formatShape(weight.shape)}.`,
        { file: checkpoint.file, tensor: name },
        "Use a checkpoint and a model of the same architecture.",
      );
    }
    if (!tensor.dtype.includes("float")) {
      throw new TracInError(
        "checkpoint",
        `The tensor holds ${tensor.dtype}; the model ${model.file} has floating-point weights.`,
        { file: checkpoint.file, tensor: name },
        "Save the weights before quantising them.",
      );
    }
  }
}

/** A few names, quoted. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name.slice(0, 80)));
  return names.length > 5 ? `${shown.join(", ")} and ${names.length - 5} more` : shown.join(", ");
}
