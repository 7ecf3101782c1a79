import { createRequire } from "node:module";
import { join } from "node:path";
import { TracInError } from "../../errors.ts";
import type { CompileOptions, Engine } from "../engine.ts";
import { tensorflowEngine } from "./engine.ts";
import type { TensorFlow } from "./value.ts";

const packageName = "@tensorflow/tfjs-node";

/**
 * The engine of `@tensorflow/tfjs-node`, which is loaded by the first `compile`.
 * @param folder whose node_modules has the package; it is looked up beside this program unless told
 */
export function tensorflowNodeEngine(folder?: string): Engine {
  let engine: Engine | undefined;
  const loaded = () => {
    engine ??= tensorflowEngine(loadTensorFlow(folder));
    return engine;
  };
  return {
    name: "tensorflow",
    compile: async (graph, options?: CompileOptions) => loaded().compile(graph, options),
    warm: async () => void loaded(),
  };
}

/**
 * Loads tfjs with its native library. Throws kind `engine`, with the reason, where the package is missing or its library does not load;
 * that it loads does not yet say that it computes.
 */
export function loadTensorFlow(folder?: string): TensorFlow {
  restoreUtilities();
  // The library writes about graphics cards that it does not find, and takes all cores; both are settled before it starts.
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "3";
  process.env["TF_NUM_INTRAOP_THREADS"] ??= "1";
  process.env["TF_NUM_INTEROP_THREADS"] ??= "1";
  const require = createRequire(import.meta.url);
  const place = folder === undefined ? packageName : join(folder, "node_modules", packageName);
  let tf: TensorFlow;
  let backend: string;
  try {
    tf = require(place) as TensorFlow;
    backend = tf.getBackend();
  } catch (cause) {
    throw unavailable(reasonOf(cause, place), cause);
  }
  if (backend !== "tensorflow") {
    throw unavailable(`its backend is ${backend}, not the native library`);
  }
  return tf;
}

/** tfjs-node calls functions of node:util that newer Node no longer has (from 23 on). */
function restoreUtilities(): void {
  const utilities = createRequire(import.meta.url)("node:util") as Record<string, unknown>;
  utilities["isNullOrUndefined"] ??= (value: unknown) => value === null || value === undefined;
  utilities["isArray"] ??= Array.isArray;
}

function unavailable(reason: string, cause?: unknown): TracInError {
  return new TracInError(
    "engine",
    `TensorFlow cannot be loaded: ${reason}`,
    {},
    "Install it with TracIn: Install TensorFlow Engine.",
    { cause },
  );
}

/** The first line of what require throws: the rest lists the requiring files, or explains how to build the package. */
function reasonOf(cause: unknown, place: string): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = (cause as { readonly code?: unknown } | null)?.code;
  if (code === "MODULE_NOT_FOUND" && message.includes(`'${place}'`)) {
    return `${place} is not installed.`;
  }
  return message.includes("tfjs_binding.node) can not be found")
    ? `${packageName} is installed without its native library (its install script did not run).`
    : (message.split("\n")[0] ?? message);
}
