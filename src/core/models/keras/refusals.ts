import { TracInError } from "../../errors.ts";
import type { LayerConfig } from "./settings.ts";

/** Why a class of layers is not read, and what to do; `undefined` in the table below for classes of the person's own. */
const reasons: Readonly<Record<string, readonly [reason: string, remedy: string]>> = {
  Lambda: [
    "A Lambda layer is Python code, which is never executed.",
    "Write it with layers or keras.ops (x * 2, keras.ops.mean(x, axis=1)) and save the model again, or export the model to ONNX.",
  ],
};

/** Whether the file says that a layer's class is not one of Keras, whatever its name is. */
export function isForeign({ module }: LayerConfig): boolean {
  return module !== undefined && !module.startsWith("keras") && !module.startsWith("tf_keras");
}

/** The error for a layer that is not read. */
export function refuseLayer(layer: LayerConfig): TracInError {
  const known = Object.hasOwn(reasons, layer.className) ? reasons[layer.className] : undefined;
  if (known) {
    return new TracInError("model", known[0], layer.place, known[1]);
  }
  const custom = layer.registeredName?.includes(">") === true || isForeign(layer);
  return new TracInError(
    "model",
    custom
      ? `The class "${layer.className}" is the author's own code, which is never executed.`
      : `Layers of the class "${layer.className}" are not read.`,
    layer.place,
    "Replace the layer by those of Keras that do the same and save the model again, or export the model to ONNX.",
  );
}
