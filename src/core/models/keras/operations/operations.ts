import type { KerasTensor, LayerContext } from "../layer.ts";
import { snakeCase } from "../names.ts";
import { Arguments } from "./arguments.ts";
import { elementwise } from "./elementwise.ts";
import { masks } from "./masks.ts";
import type { Operation } from "./operation.ts";
import { shapes } from "./shapes.ts";

/** Operations on tensors in a functional model, by name. */
const operations: ReadonlyMap<string, Operation> = new Map(
  Object.entries({ ...elementwise, ...masks, ...shapes }),
);

/** Nodes of Keras 2 that hold a function of TensorFlow. */
export const tensorflowClasses: ReadonlySet<string> = new Set([
  "TFOpLambda",
  "SlicingOpLambda",
  "TensorFlowOpLayer",
]);

/**
 * Appends an operation on tensors: `x * 2`, `keras.ops.mean(x, axis=1)` in Keras 3, `tf.reduce_mean(x, axis=1)` in Keras 2.
 * @throws kind `model` naming the operation where it is not read
 */
export function translateOperation(context: LayerContext): KerasTensor | readonly KerasTensor[] {
  const { layer } = context;
  const isTensorflow = tensorflowClasses.has(layer.className);
  const full = isTensorflow ? layer.string("function", layer.name) : layer.className;
  const name = isTensorflow ? (full.split(".").at(-1) ?? full) : snakeCase(full);
  const operation = operations.get(name);
  if (operation === undefined) {
    throw context.error(
      `The operation ${isTensorflow ? `tf.${full}` : `keras.ops.${name}`} is not read.`,
      "Say the same with layers or other operations and save the model again, or export the model to ONNX.",
    );
  }
  const args = new Arguments(context);
  const result = operation(context, args);
  args.checkAllRead();
  return result;
}
