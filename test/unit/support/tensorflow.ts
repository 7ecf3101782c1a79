import { createRequire } from "node:module";
import { loadTensorFlow } from "../../../src/core/engines/tensorflow/load.ts";
import type { TensorFlow } from "../../../src/core/engines/tensorflow/value.ts";

/** tfjs for unit tests: the backend in plain JavaScript, or the native library where TRACIN_TEST_TENSORFLOW names its folder. */
export function testTensorFlow(): TensorFlow {
  const folder = process.env["TRACIN_TEST_TENSORFLOW"];
  if (folder !== undefined) {
    return loadTensorFlow(folder);
  }
  const require = createRequire(import.meta.url);
  const tf = require("@tensorflow/tfjs-core") as TensorFlow;
  require("@tensorflow/tfjs-backend-cpu");
  // Production mode: no hint to install another backend.
  tf.enableProdMode();
  tf.backend();
  return tf;
}
