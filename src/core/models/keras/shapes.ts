import type { KerasTensor, LayerContext } from "./layer.ts";
import { tensorsIn } from "./references.ts";

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
