import { TracInError } from "../errors.ts";
import type { Shape } from "../graph/tensor.ts";
import type { LossSpec } from "./project.ts";

/** Sizes, the batch first; a symbol where the model leaves one open. */
export type OpenShape = readonly (number | string)[];

/** What of the loss says where the classes are. */
type ClassPlace = Pick<LossSpec, "classAxis"> & { readonly output?: string };

/**
 * The axes of an output that can be the one of the classes: those that the targets lack. A symbol fits any size.
 *
 * @param shape of the output, the batch first
 * @param positions sizes of one example's target; [] for one label
 */
export function classAxes(shape: OpenShape, positions: Shape): readonly number[] {
  if (shape.length !== positions.length + 2) {
    return [];
  }
  return shape
    .map((_, axis) => axis)
    .filter((axis) => axis > 0)
    .filter((axis) =>
      [...shape.slice(1, axis), ...shape.slice(axis + 1)].every(
        (size, index) => typeof size === "string" || size === positions[index],
      ),
    );
}

/**
 * The class axis of the logits: `classAxis` of the loss; otherwise the axis that the targets lack, and where images are
 * as wide as they have classes, the second one, as in PyTorch.
 *
 * @throws kind `config` where logits and targets do not fit together, or two axes could be the one of the classes
 */
export function classAxisOf(loss: ClassPlace, shape: OpenShape, positions: Shape): number {
  const axes = classAxes(shape, positions);
  const told = loss.classAxis;
  const axis =
    told !== undefined
      ? axes.find((each) => each === told || each === told + shape.length)
      : axes.length > 1 && shape.length === 3
        ? undefined
        : axes[0];
  if (axis !== undefined) {
    return axis;
  }
  const sizes = `the output "${loss.output ?? "output"}" has the shape ${format(shape)}`;
  const targets =
    positions.length === 0 ? "one label" : `targets of the shape ${format(positions)}`;
  if (axes.length > 0 && told === undefined) {
    throw new TracInError(
      "config",
      `Either of two axes can hold the classes: ${sizes}, and an example has ${targets}.`,
      { file: "tracin.json" },
      'Set "classAxis" in loss: 1 where the classes come first, as in PyTorch, or -1 where they come last.',
    );
  }
  throw new TracInError(
    "config",
    `Logits and targets do not fit: ${sizes}, and an example has ${targets}${told === undefined ? "" : `, with the classes on axis ${told}`}.`,
    { file: "tracin.json" },
    positions.length === 0
      ? 'One label takes logits of the shape [batch, classes]; for a label at each position, give "target" a list, a mask or an array.'
      : "The output has one axis more than the batch of targets: the classes. Correct the target, its size, or loss.output.",
  );
}

/**
 * Number of classes, as far as the declared shape of the output tells.
 * @throws kind `config` where the shapes do not fit together
 */
export function classesOf(
  loss: ClassPlace,
  shape: OpenShape | undefined,
  positions: Shape,
): number | undefined {
  if (shape === undefined || shape.length === 0) {
    return undefined;
  }
  const isOpen =
    loss.classAxis === undefined &&
    shape.length === 3 &&
    classAxes(shape, positions).length > 1 &&
    shape.some((size, axis) => axis > 0 && typeof size === "string");
  const size = isOpen ? undefined : shape[classAxisOf(loss, shape, positions)];
  return typeof size === "number" ? size : undefined;
}

function format(shape: OpenShape): string {
  return `[${shape.join(", ")}]`;
}
