import type { LayerContext } from "./layer.ts";
import { reshaped } from "./shapes.ts";

/** An equation `left,right->output` with one letter for each axis. */
export interface Equation {
  readonly left: string;
  readonly right: string;
  readonly output: string;
}

/** The equation of an EinsumDense layer, with letters in place of dots. @throws kind `model` for one that is not of this form */
export function spellOut(context: LayerContext, text: string, rank: number): Equation {
  const match = /^([a-zA-Z.]+),([a-zA-Z]+)->([a-zA-Z.]+)$/.exec(text.replaceAll(" ", ""));
  const [, left = "", right = "", output = ""] = match ?? [];
  const letters = left.replace("...", "");
  const free = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].filter((letter) => !text.includes(letter));
  const dots = left.includes("...") ? free.slice(0, rank - letters.length).join("") : "";
  const equation = {
    left: left.replace("...", dots),
    right,
    output: output.replace("...", dots),
  };
  const isUnique = Object.values(equation).every((part) => new Set(part).size === part.length);
  if (match === null || equation.left.length !== rank || !isUnique) {
    throw context.error(`The equation "${text}" is not read.`, "Use one letter for each axis.");
  }
  return equation;
}

/**
 * The einsum of a value and a weight as one product with a matrix: letters of both that the output lacks are summed over,
 * the others come from one of them.
 * @param sizes by letter; null where open
 */
export function contract(
  context: LayerContext,
  { left, right, output }: Equation,
  value: string,
  weight: string,
  sizes: ReadonlyMap<string, number | null>,
): string {
  const { builder } = context;
  const own = [...left].filter((letter) => output.includes(letter));
  const summed = [...left].filter((letter) => !output.includes(letter));
  const added = [...right].filter((letter) => !left.includes(letter));
  const isProduct =
    summed.every((letter) => right.includes(letter)) &&
    own.every((letter) => !right.includes(letter)) &&
    [...output].every((letter) => own.includes(letter) || added.includes(letter));
  if (!isProduct) {
    throw context.error(
      `The equation "${left},${right}->${output}" is no product with a matrix.`,
      "Export the model to ONNX.",
    );
  }
  const sizeOf = (letters: readonly string[]): number | null =>
    letters.reduce<number | null>((product, letter) => {
      const size = sizes.get(letter) ?? null;
      return product === null || size === null ? null : product * size;
    }, 1);
  const kept = own.map((letter) => sizes.get(letter) ?? null);
  const order = (from: string, to: readonly string[]) => to.map((letter) => from.indexOf(letter));
  let x = builder.transpose(value, order(left, [...own, ...summed]));
  if (summed.length !== 1) {
    x = reshaped(context, x, [...kept, sizeOf(summed)]);
  }
  const matrix = builder.reshape(builder.transpose(weight, order(right, [...summed, ...added])), [
    sizeOf(summed) ?? -1,
    sizeOf(added) ?? -1,
  ]);
  let y = builder.matmul(x, matrix);
  if (added.length !== 1) {
    y = reshaped(context, y, [...kept, ...added.map((letter) => sizes.get(letter) ?? null)]);
  }
  return builder.transpose(y, order([...own, ...added].join(""), [...output]));
}
