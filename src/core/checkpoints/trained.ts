import { intAttribute } from "../graph/graph.ts";
import { sameShape, sizeOf, type Tensor } from "../graph/tensor.ts";
import type { Model } from "../models/model.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Match } from "./match.ts";
import { OptimizerEntries, type Series } from "./parameters.ts";

/** How the model's weights divide into those that count as trained and the others. */
export interface Division {
  readonly parameters: readonly string[];
  readonly buffers: readonly string[];
}

/**
 * A warning when the optimizer trains another number of tensors than count as parameters: fewer, because buffers or
 * frozen weights count; or more than the checkpoint has. (Optimizers often hold frozen and unused tensors as well.)
 */
export function optimizerWarnings(series: Series, { parameters, buffers }: Division): string[] {
  const { checkpoint, match } = series;
  const tensors = (count: number): string => `${count} tensor${count === 1 ? "" : "s"}`;
  const trained = checkpoint.optimizer?.parameters.length || undefined;
  if (trained !== undefined && trained < parameters.length) {
    return [
      `The optimizer trains ${tensors(trained)}, but ${parameters.length} of the model's count as parameters: name the others${untrained(series, parameters, trained)} in "frozen" in tracin.json.`,
    ];
  }
  if (
    trained !== undefined &&
    trained > parameters.length + buffers.length + match.surplus.length
  ) {
    return [
      `The optimizer trains ${tensors(trained)}, but only ${parameters.length} of the model's count as parameters: what else it trains has no part in the scores.`,
    ];
  }
  return [];
}

/** The names of those that the optimizer does not train, where its state tells them all. */
function untrained(series: Series, parameters: readonly string[], trained: number): string {
  try {
    const entries = new OptimizerEntries(series);
    const others = parameters.filter((name) => !entries.isTrained(name));
    const more = others.length > namesShown ? ` and ${others.length - namesShown} more` : "";
    return others.length === parameters.length - trained
      ? ` (${others.slice(0, namesShown).join(", ")}${more})`
      : "";
  } catch {
    // The state does not tell.
    return "";
  }
}

/** A warning where the file holds the model's weights more than once, such as an average beside them. */
export function copyWarnings({ prefix, copies }: Match): string[] {
  const named = (text: string): string => (text === "" ? "without prefix" : `"${text}"`);
  return copies.length === 0
    ? []
    : [
        `The file holds several sets of weights that fit the model; those ${prefix === "" ? "without prefix" : `with the prefix "${prefix}"`} are used, not ${copies.map((copy) => named(copy.prefix)).join(", ")}. Set "checkpoints.prefix" in tracin.json to choose another.`,
      ];
}

/** Names in a warning before the rest is only counted. */
const namesShown = 5;

/**
 * A warning that names the floating tensors of a checkpoint that the model file does not hold: a part of the network
 * that was not exported. The second name of a shared weight, told by its content, is not one.
 */
export async function surplusWarnings(
  checkpoint: Checkpoint,
  { names, surplus }: Match,
): Promise<string[]> {
  const floating = surplus.filter((name) => checkpoint.tensors.get(name)?.dtype.includes("float"));
  const unknown: string[] = [];
  for (const name of floating) {
    if (!(await isSecondName(checkpoint, name, [...names.values()]))) {
      unknown.push(name);
    }
  }
  if (unknown.length === 0) {
    return [];
  }
  const more = unknown.length > namesShown ? ` and ${unknown.length - namesShown} more` : "";
  const are = unknown.length === 1 ? "One tensor is" : `${unknown.length} tensors are`;
  return [
    `${are} not in the model and ${unknown.length === 1 ? "has" : "have"} no part in the scores: ${unknown.slice(0, namesShown).join(", ")}${more}.`,
  ];
}

/** True when a tensor holds the same numbers as one that the model uses. */
async function isSecondName(
  checkpoint: Checkpoint,
  name: string,
  used: readonly string[],
): Promise<boolean> {
  const shape = checkpoint.tensors.get(name)?.shape ?? [];
  const alike = used.filter((other) =>
    sameShape(checkpoint.tensors.get(other)?.shape ?? [], shape),
  );
  if (alike.length === 0 || sizeOf(shape) > largestTable) {
    return false;
  }
  const { data } = await checkpoint.read(name);
  for (const other of alike) {
    const candidate = (await checkpoint.read(other)).data;
    if (candidate.every((value: number | bigint, index: number) => value === data[index])) {
      return true;
    }
  }
  return false;
}

/** Elements that are read of each of two checkpoints to find what training has not changed; small tensors go first. */
const mostCompared = 2 ** 22;

/**
 * A warning that names parameters whose values are the same at the first and the last checkpoint: buffers (tables of positions,
 * masks, vectors of a spectral norm) that the model file does not mark as such, or frozen weights.
 */
export async function unchangedWarnings(
  model: Model,
  parameters: readonly string[],
  checkpoints: readonly Checkpoint[],
  matches: readonly Match[],
): Promise<string[]> {
  const [first, last] = [checkpoints[0], checkpoints.at(-1)];
  const [before, after] = [matches[0]?.names, matches.at(-1)?.names];
  if (model.recorded || !first || !last || first === last || !before || !after) {
    return [];
  }
  const sizes = new Map(model.weights.map(({ name, shape }) => [name, sizeOf(shape)]));
  const sizeOfParameter = (name: string): number => sizes.get(name) ?? 0;
  const unchanged = new Set<string>();
  let compared = 0;
  let seen = 0;
  for (const name of parameters.toSorted((a, b) => sizeOfParameter(a) - sizeOfParameter(b))) {
    const [old, stored] = [before.get(name), after.get(name)];
    compared += sizeOfParameter(name);
    if (old === undefined || stored === undefined || compared > mostCompared) {
      continue;
    }
    seen++;
    const { data } = await first.read(old);
    const now = (await last.read(stored)).data;
    if (data.every((value: number | bigint, index: number) => value === now[index])) {
      unchanged.add(name);
    }
  }
  const names = parameters.filter((name) => unchanged.has(name));
  if (names.length === 0 || names.length === seen) {
    return [];
  }
  const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : "";
  const are = names.length === 1 ? "One parameter is" : `${names.length} parameters are`;
  return [
    `${are} the same at the first and the last checkpoint: ${names.slice(0, namesShown).join(", ")}${more}. What is no parameter (a buffer), or was frozen, distorts the scores: name it in "frozen" in tracin.json, or export again with TracIn: Export PyTorch Model, which records it.`,
  ];
}

/** Elements of the largest table that is read for its rows alone. */
const largestTable = 2 ** 26;

/**
 * A warning for each embedding table with rows that look like padding: all zeros in the model file and at the first and
 * last checkpoint, when the file does not record padding rows. Reads the tables that have such rows in the model file.
 */
export async function paddingWarnings(
  model: Model,
  parameters: readonly string[],
  checkpoints: readonly Checkpoint[],
  matches: readonly Match[],
): Promise<string[]> {
  if (model.recorded) {
    return [];
  }
  const tables = new Set(
    model.graph.nodes
      .filter((node) => node.op === "Gather" && intAttribute(node, "axis", 0) === 0)
      .map(({ inputs }) => inputs[0] ?? ""),
  );
  const ends = [...new Set([0, checkpoints.length - 1])];
  const warnings: string[] = [];
  for (const name of parameters.filter((parameter) => tables.has(parameter))) {
    const table = model.graph.initializers.get(name);
    let rows = table?.shape.length === 2 ? zeroRows(table) : [];
    for (const end of ends) {
      const stored = matches[end]?.names.get(name);
      if (rows.length > 0 && stored !== undefined && sizeOf(table?.shape ?? []) <= largestTable) {
        const zero = new Set(zeroRows(await (checkpoints[end] as Checkpoint).read(stored)));
        rows = rows.filter((row) => zero.has(row));
      }
    }
    if (rows.length > 0) {
      warnings.push(
        `${list(rows)} of ${name} ${rows.length === 1 ? "is" : "are"} zero at the first and the last checkpoint: if there is a padding row (padding_idx), export again with TracIn: Export PyTorch Model, so that its gradient is left out.`,
      );
    }
  }
  return warnings;
}

/** Rows of a table [rows, features] that hold nothing but zeros. */
function zeroRows({ shape, data }: Tensor): number[] {
  const [rows = 0, width = 0] = shape;
  const isZero = (row: number): boolean => {
    for (let at = row * width; at < (row + 1) * width; at++) {
      if (Number(data[at]) !== 0) {
        return false;
      }
    }
    return true;
  };
  return Array.from({ length: rows }, (_, row) => row).filter(isZero);
}

function list(rows: readonly number[]): string {
  const shown = rows.slice(0, 3).join(", ");
  const more = rows.length > 3 ? ` and ${rows.length - 3} more` : "";
  return `${rows.length === 1 ? "Row" : "Rows"} ${shown}${more}`;
}
