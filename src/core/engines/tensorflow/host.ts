import type { Node } from "../../graph/graph.ts";
import { isFloat, sizeOf } from "../../graph/tensor.ts";
import { kernels as referenceKernels } from "../reference/engine.ts";
import { cannot, type Run, Value } from "./value.ts";

/**
 * tfjs has no integers beyond int32, and its arithmetic wraps around in silence. So arithmetic on integers runs on the host, in doubles,
 * by the reference engine's kernels, and so does everything on a few integers: the shape arithmetic of exported models.
 */
export const fewElements = 1024;

/** Operators that move or compare elements: they cannot leave the range of int32 that was checked on the way in. */
const safeOnDevice = new Set([
  "And",
  "ArgMax",
  "ArgMin",
  "Cast",
  "Concat",
  "Dropout",
  "Equal",
  "Expand",
  "Flatten",
  "Gather",
  "GatherElements",
  "GatherND",
  "Greater",
  "GreaterOrEqual",
  "Identity",
  "Less",
  "LessOrEqual",
  "Max",
  "Min",
  "Not",
  "OneHot",
  "Or",
  "Pad",
  "ReduceMax",
  "ReduceMin",
  "Reshape",
  "Slice",
  "Split",
  "Squeeze",
  "Tile",
  "Transpose",
  "Trilu",
  "Unsqueeze",
  "Where",
  "Xor",
]);

/**
 * Whether a node is computed in doubles: none of its inputs is float32, and they are few, or integers that would be added up.
 * What is left of the other floating types is refused when it comes to the device.
 */
export function runsOnHost(
  node: Node,
  inputs: readonly (Value | undefined)[],
  few: number,
): boolean {
  const present = inputs.filter((input) => input !== undefined);
  if (present.length === 0 || present.some(({ dtype }) => dtype === "float32")) {
    return false;
  }
  const isFew = present.every(({ isOnHost, shape }) => isOnHost && sizeOf(shape) <= few);
  const isIntegral = present.every(({ dtype }) => !isFloat(dtype));
  return (isFew && node.op !== "ConstantOfShape") || (isIntegral && !safeOnDevice.has(node.op));
}

/** Runs a node in doubles, by the reference engine. */
export function onHost(
  inputs: readonly (Value | undefined)[],
  node: Node,
  { tf }: Run,
): readonly Value[] {
  const kernel = referenceKernels.get(node.op);
  if (kernel === undefined) {
    throw cannot(node, "its inputs are integers");
  }
  const results = kernel(
    inputs.map((input) => input?.host),
    node,
  );
  return ("data" in results ? [results] : results).map((result) => Value.ofHost(tf, result));
}
