import type { CallArgument, KerasTensor, LayerContext } from "./layer.ts";
import { isTensor, tensorsIn } from "./references.ts";

/** The one tensor that a layer is called with. */
export function theInput(context: LayerContext): KerasTensor {
  const [x] = tensorsIn(context.call.args[0] ?? Object.values(context.call.kwargs));
  if (x === undefined) {
    throw context.error(
      "The layer is called without a tensor.",
      "Save the model again with Keras.",
    );
  }
  return x;
}

/**
 * Refuses arguments of a call that are not known, so that none is ignored in silence. What is null or false is off.
 * `training` may be told to be false.
 * @throws kind `model` naming the argument
 */
export function checkKeywords(context: LayerContext, known: readonly string[]): void {
  for (const [name, value] of Object.entries(context.call.kwargs)) {
    if (value !== null && value !== false && !known.includes(name)) {
      throw context.error(
        `The layer is called with ${name}=${describe(value)}, which is not read.`,
        "Build the model without this argument and save it again.",
      );
    }
  }
}

function describe(value: CallArgument): string {
  return isTensor(value) ? "a tensor" : JSON.stringify(value).slice(0, 80);
}
