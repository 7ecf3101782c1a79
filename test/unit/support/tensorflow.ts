import { createRequire } from "node:module";
import type { TensorFlow } from "../../../src/core/engines/tensorflow/value.ts";

/** tfjs for unit tests: the backend in plain JavaScript. */
export function testTensorFlow(): TensorFlow {
  const require = createRequire(import.meta.url);
  const tf = require("@tensorflow/tfjs-core") as TensorFlow;
  require("@tensorflow/tfjs-backend-cpu");
  // Production mode: no hint to install another backend.
  tf.enableProdMode();
  return tf;
}
