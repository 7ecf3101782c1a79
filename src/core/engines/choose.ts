import { TracInError } from "../errors.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { float32 } from "../graph/tensor.ts";
import type { Engine, EngineName } from "./engine.ts";
import { onnxruntimeEngine, onnxruntimeWebEngine } from "./onnxruntime.ts";
import { referenceEngine } from "./reference/engine.ts";
import { tensorflowNodeEngine } from "./tensorflow/load.ts";

/** What a person may ask for. */
export const engineSettings = [
  "auto",
  "onnxruntime",
  "onnxruntime-web",
  "tensorflow",
  "reference",
] as const;
export type EngineSetting = (typeof engineSettings)[number];

/**
 * The engines that serve a setting, the first that runs. `auto` follows the bench (docs/performance.md): onnxruntime is faster than
 * TensorFlow on every workload there, and both are faster than WebAssembly.
 */
const candidates: Readonly<Record<EngineSetting, readonly EngineName[]>> = {
  auto: ["onnxruntime", "tensorflow", "onnxruntime-web"],
  onnxruntime: ["onnxruntime", "onnxruntime-web"],
  "onnxruntime-web": ["onnxruntime-web"],
  tensorflow: ["tensorflow"],
  reference: ["reference"],
};

/** The engine that will serve a setting, unless it does not run here. */
export function likelyEngine(setting: EngineSetting): EngineName {
  return candidates[setting][0] as EngineName;
}

/** An engine that computed something right on this machine. */
export interface EngineChoice {
  readonly engine: Engine;
  /** Another one would have been taken if it ran here. */
  readonly isFallback: boolean;
  /** Which engine it is, why, and why not another one: a sentence for the log. */
  readonly reason: string;
}

/**
 * The engine of a name, whether it runs here or not.
 * @param tensorflowFolder whose node_modules has `@tensorflow/tfjs-node`
 */
export function createEngine(
  name: EngineName,
  tensorflowFolder = process.env["TRACIN_TENSORFLOW"],
): Engine {
  switch (name) {
    case "onnxruntime":
      return onnxruntimeEngine();
    case "onnxruntime-web":
      return onnxruntimeWebEngine();
    case "tensorflow":
      return tensorflowNodeEngine(tensorflowFolder);
    case "reference":
      return referenceEngine();
  }
}

/**
 * The engine for a setting: the first of its candidates that multiplies two matrices right. Throws kind `engine` with the reason of
 * each where none does.
 */
export async function chooseEngine(
  setting: EngineSetting,
  create: (name: EngineName) => Engine = createEngine,
): Promise<EngineChoice> {
  const failures: TracInError[] = [];
  for (const name of candidates[setting]) {
    const engine = create(name);
    try {
      await checkEngine(engine);
      const reason = describeChoice(setting, name, failures);
      return { engine, isFallback: failures.length > 0, reason };
    } catch (error) {
      failures.push(TracInError.from(error));
    }
  }
  const [first, ...others] = failures as [TracInError, ...TracInError[]];
  throw others.length === 0
    ? first
    : new TracInError(
        "engine",
        `No engine runs on this machine. ${failures.map(({ message }) => message).join(" ")}`,
        {},
        first.remedy,
        { cause: first },
      );
}

/** Runs a matrix product. Throws kind `engine` where it cannot be computed or is wrong. */
export async function checkEngine(engine: Engine): Promise<void> {
  const builder = new GraphBuilder();
  const x = builder.input({ name: "x", dtype: "float32", shape: [2, 2] });
  const product = builder.matmul(x, x);
  builder.output({ name: product, dtype: "float32", shape: [2, 2] });
  const program = await engine.compile(builder.build());
  try {
    const results = await program.run(new Map([["x", float32([2, 2], [1, 2, 3, 4])]]));
    const found = Array.from(results.get(product)?.data ?? [], Number);
    if (found.join() !== "7,10,15,22") {
      throw new TracInError(
        "engine",
        `The engine ${engine.name} computes wrong numbers: ${found.join(", ")}.`,
      );
    }
  } finally {
    await program.dispose();
  }
}

function describeChoice(
  setting: EngineSetting,
  name: EngineName,
  failures: readonly TracInError[],
): string {
  const why =
    failures.length > 0
      ? failures.map(({ message }) => message).join(" ")
      : setting === "auto"
        ? "Of the engines that can be chosen, it is the fastest in the bench."
        : "It was asked for.";
  return `Engine: ${name}. ${why}`;
}
