import { sameShape } from "../graph/tensor.ts";
import type { ModelWeight } from "../models/model.ts";
import type { Checkpoint } from "./checkpoint.ts";

/** The rule that leads from a model's names to a checkpoint's. */
export interface Naming {
  /** What the checkpoint's names have in front. */
  readonly prefix: string;
  /** True when the prefix was given, not found. */
  readonly configured: boolean;
  tensorFor(weight: string): string | undefined;
  /** Other prefixes under which the checkpoint holds the whole set again: averages (EMA), a teacher, a target network. */
  readonly copies: readonly Copy[];
}

/** A further set of weights in one checkpoint. */
export interface Copy {
  readonly prefix: string;
  readonly tensors: ReadonlySet<string>;
}

/** Prefixes that speak of an average of the weights, or of a network that follows the trained one. */
const followers =
  /(^|[._])(ema|avg|average[ds]?|averaged_model|swa|shadow|polyak|teacher|target|momentum)/i;

/** What PEFT leaves out of the names in an adapter's file: the adapter's own name, and what wraps trained modules. */
const adapterInfixes: readonly (readonly [RegExp, string])[] = [
  [/\.(lora_\w+)\.default(?=\.|$)/, ".$1"],
  [/\.modules_to_save\.default\./, "."],
];

/** What `torch.compile` and fully sharded training put into the middle of names. */
const infixes = /(^|\.)(?:(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.)+/g;

/**
 * Finds the prefix under which most weights of the model are in the checkpoint with their shape. Of equal fits, one
 * that does not speak of an average comes first, then the shorter one; the others are told.
 */
export function findNaming(
  weights: readonly ModelWeight[],
  checkpoint: Checkpoint,
  configured: string | undefined,
): Naming {
  if (weights.some(({ aliases }) => aliases !== undefined)) {
    return aliasNaming(weights, checkpoint, configured);
  }
  if (configured !== undefined) {
    return {
      prefix: configured,
      configured: true,
      tensorFor: (weight) =>
        checkpoint.tensors.has(configured + weight) ? configured + weight : undefined,
      copies: [],
    };
  }
  const tensors = new Map<string, string>();
  for (const name of checkpoint.tensors.keys()) {
    const clean = name.replace(infixes, "$1");
    if (!tensors.has(clean)) {
      tensors.set(clean, name);
    }
  }
  const short = (name: string) => (checkpoint.isAdapter ? withoutAdapter(name) : name);
  const named = weights.map((weight) => ({ ...weight, name: short(weight.name) }));
  const rules: Rule[] = [];
  for (const wrapper of wrappers(named)) {
    for (const [prefix, votes] of countPrefixes(named, wrapper, tensors, checkpoint)) {
      rules.push({ votes, prefix, wrapper });
    }
  }
  const most = Math.max(...rules.map(({ votes }) => votes));
  const [best = { votes: 0, prefix: "", wrapper: "" }, ...equal] = rules
    .filter(({ votes }) => votes === most)
    .sort((a, b) => rank(a) - rank(b));
  const tensorBy = ({ prefix, wrapper }: Rule, weight: string) =>
    weight.startsWith(wrapper) ? tensors.get(prefix + weight.slice(wrapper.length)) : undefined;
  const setOf = (rule: Rule) => new Set(named.flatMap(({ name }) => tensorBy(rule, name) ?? []));
  const taken = new Set(setOf(best));
  const copies: Copy[] = [];
  for (const rule of equal) {
    const tensors = setOf(rule);
    if ([...tensors].every((tensor) => !taken.has(tensor))) {
      copies.push({ prefix: rule.prefix, tensors });
      for (const tensor of tensors) {
        taken.add(tensor);
      }
    }
  }
  return {
    prefix: best.prefix,
    configured: false,
    tensorFor: (weight) => tensorBy(best, short(weight)),
    copies,
  };
}

interface Rule {
  readonly votes: number;
  readonly prefix: string;
  /** What the model's names have in front and the checkpoint's have not. */
  readonly wrapper: string;
}

function rank({ prefix, wrapper }: Rule): number {
  return prefix.length + wrapper.length + (followers.test(prefix) ? 1e6 : 0);
}

function withoutAdapter(name: string): string {
  return adapterInfixes.reduce((text, [infix, kept]) => text.replace(infix, kept), name);
}

/**
 * Names by aliases: for each weight the first of its names that the checkpoint has and that no other weight claims as well.
 * Names that fit the shape come first: containers number their layers, so that another model has the same names.
 */
function aliasNaming(
  weights: readonly ModelWeight[],
  checkpoint: Checkpoint,
  configured: string | undefined,
): Naming {
  const prefix = configured ?? "";
  const claims = new Map<string, number>();
  const namesOf = ({ name, aliases = [] }: ModelWeight) => [name, ...aliases];
  for (const name of weights.flatMap(namesOf)) {
    claims.set(name, (claims.get(name) ?? 0) + 1);
  }
  const found = new Map(
    weights.map((weight) => {
      const held = namesOf(weight)
        .filter((name) => name === weight.name || claims.get(name) === 1)
        .map((name) => prefix + name)
        .filter((name) => checkpoint.tensors.has(name));
      const fitting = held.find((name) =>
        sameShape(checkpoint.tensors.get(name)?.shape ?? [], weight.shape),
      );
      return [weight.name, fitting ?? held[0]] as const;
    }),
  );
  return {
    prefix,
    configured: configured !== undefined,
    tensorFor: (weight) => found.get(weight),
    copies: [],
  };
}

/** Modules in front of all names of the model, which a checkpoint of the inner module lacks; none comes first. */
function wrappers(weights: readonly ModelWeight[]): string[] {
  const found = [""];
  const first = weights[0]?.name ?? "";
  for (let dot = first.indexOf("."); dot >= 0; dot = first.indexOf(".", dot + 1)) {
    const wrapper = first.slice(0, dot + 1);
    if (!weights.every(({ name }) => name.startsWith(wrapper) && name !== wrapper)) {
      break;
    }
    found.push(wrapper);
  }
  return found;
}

/** For each prefix, how many weights have a tensor of their name and shape behind it (names alone count a little). */
function countPrefixes(
  weights: readonly ModelWeight[],
  wrapper: string,
  tensors: ReadonlyMap<string, string>,
  checkpoint: Checkpoint,
): ReadonlyMap<string, number> {
  const shapes = new Map(weights.map(({ name, shape }) => [name.slice(wrapper.length), shape]));
  const votes = new Map<string, number>();
  for (const [clean, name] of tensors) {
    for (let start = 0; start >= 0; start = clean.indexOf(".", start) + 1 || -1) {
      const shape = shapes.get(clean.slice(start));
      if (shape) {
        const fits = sameShape(shape, checkpoint.tensors.get(name)?.shape ?? []);
        const prefix = clean.slice(0, start);
        votes.set(prefix, (votes.get(prefix) ?? 0) + (fits ? 1 : 0.01));
      }
    }
  }
  return votes;
}
