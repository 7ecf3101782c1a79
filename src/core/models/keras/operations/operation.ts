import type { KerasTensor, LayerContext } from "../layer.ts";
import type { Arguments } from "./arguments.ts";

/** Appends what one call of an operation on tensors computes. */
export type Operation = (
  context: LayerContext,
  args: Arguments,
) => KerasTensor | readonly KerasTensor[];

/** Operations by name, in the spelling of `keras.ops` and of `tf`. */
export type OperationFamily = Readonly<Record<string, Operation>>;
