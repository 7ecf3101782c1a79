import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { TracInError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { type Tensor, tensorOf } from "../graph/tensor.ts";
import type { CompileOptions, Engine, OperatorTimer, Program, Values } from "./engine.ts";
import { SessionProfile } from "./onnxruntime-profile.ts";
import { createSession, engineError, messageOf, type OnnxRuntime } from "./onnxruntime-session.ts";

/** Protobuf messages end at 2 GiB; some room is left for everything that is not weights. */
const maximalBytes = 2 ** 31 - 2 ** 24;

/**
 * The engine of onnxruntime-node on the processor. The native library is loaded by the first `compile`.
 *
 * The declared types of a graph's outputs are ignored (onnxruntime infers them). Feeds and outputs are not
 * copied: an array that was fed must not change while `run` is under way.
 */
export function onnxruntimeEngine(): Engine {
  return engineOf("onnxruntime", loadNative, "cpu");
}

/** The same in WebAssembly, for platforms without a binary: 3 to 4 times slower, at most 4 GiB. */
export function onnxruntimeWebEngine(): Engine {
  return engineOf("onnxruntime-web", loadWeb, "wasm");
}

function engineOf(
  name: "onnxruntime" | "onnxruntime-web",
  load: () => Promise<OnnxRuntime>,
  provider: string,
): Engine {
  return {
    name,
    async compile(graph: Graph, options: CompileOptions = {}): Promise<Program> {
      checkSize(graph);
      const runtime = await load();
      const { onOperator } = options;
      // In WebAssembly the library has no file to write its times into.
      if (onOperator === undefined || provider !== "cpu") {
        return program(runtime, await createSession(runtime, provider, graph, options), graph);
      }
      const profile = await SessionProfile.create();
      try {
        const session = await createSession(runtime, provider, graph, options, profile.options);
        return withProfile(program(runtime, session, graph), session, profile, onOperator);
      } catch (error) {
        await profile.remove();
        throw error;
      }
    },
    warm: async () => void (await load()),
  };
}

/** A program that tells of its operators when it is disposed. */
function withProfile(
  inner: Program,
  session: InferenceSession,
  profile: SessionProfile,
  onOperator: OperatorTimer,
): Program {
  return {
    ...inner,
    async dispose(): Promise<void> {
      session.endProfiling();
      await profile.report(onOperator);
      await inner.dispose();
    },
  };
}

async function loadNative(): Promise<OnnxRuntime> {
  try {
    return exportsOf(await import("onnxruntime-node"));
  } catch (cause) {
    throw new TracInError(
      "engine",
      `onnxruntime cannot be loaded on ${process.platform}-${process.arch}: ${messageOf(cause)}`,
      {},
      "It has binaries for Linux and Windows (x64, arm64) and macOS (arm64); install the extension or package built for this platform.",
      { cause },
    );
  }
}

async function loadWeb(): Promise<OnnxRuntime> {
  try {
    const runtime = exportsOf(await import("onnxruntime-web"));
    // One thread, as for the native library: processes over examples are faster.
    runtime.env.wasm.numThreads = 1;
    return runtime;
  } catch (cause) {
    throw new TracInError(
      "engine",
      `onnxruntime-web cannot be loaded: ${messageOf(cause)}`,
      {},
      "It comes with the extension for Intel Macs and Alpine Linux; elsewhere: npm install onnxruntime-web.",
      { cause },
    );
  }
}

/** Node gives a CommonJS module's exports as the default export, bundlers give them by name. */
function exportsOf(loaded: OnnxRuntime | { readonly default: OnnxRuntime }): OnnxRuntime {
  return "default" in loaded ? (loaded.default as OnnxRuntime) : loaded;
}

function checkSize(graph: Graph): void {
  let bytes = 0;
  for (const tensor of graph.initializers.values()) {
    bytes += tensor.data.byteLength;
  }
  if (bytes > maximalBytes) {
    throw new TracInError(
      "engine",
      `The weights take ${(bytes / 2 ** 30).toFixed(1)} GiB; onnxruntime takes at most 2 GiB inside a graph.`,
    );
  }
}

function program(runtime: OnnxRuntime, session: InferenceSession, graph: Graph): Program {
  const wrapped = new WeakMap<Tensor, OrtTensor>();
  const wrap = (name: string, tensor: Tensor): OrtTensor => {
    const known = wrapped.get(tensor);
    if (known) {
      return known;
    }
    const made = toRuntime(runtime, name, tensor);
    wrapped.set(tensor, made);
    return made;
  };
  return {
    async run(feeds: Values): Promise<Values> {
      const inputs: Record<string, OrtTensor> = {};
      for (const { name } of graph.inputs) {
        const tensor = feeds.get(name);
        if (!tensor) {
          throw new TracInError("engine", "The graph's input is not fed.", { tensor: name });
        }
        inputs[name] = wrap(name, tensor);
      }
      const outputs = await session.run(inputs).catch((cause: unknown) => {
        throw engineError(graph, cause, "onnxruntime failed");
      });
      return new Map(
        graph.outputs.map(({ name }): [string, Tensor] => [name, fromRuntime(name, outputs[name])]),
      );
    },
    async dispose(): Promise<void> {
      await session.release();
    },
  };
}

/** The same array under the class of onnxruntime. */
function toRuntime(runtime: OnnxRuntime, name: string, tensor: Tensor): OrtTensor {
  if (tensor.dtype === "bfloat16") {
    throw new TracInError("engine", "onnxruntime is not fed bfloat16.", { tensor: name });
  }
  return new runtime.Tensor(tensor.dtype, tensor.data, tensor.shape);
}

/** The same array under our type. */
function fromRuntime(name: string, tensor: OrtTensor | undefined): Tensor {
  if (!tensor) {
    throw new TracInError("engine", "onnxruntime did not return an output.", { tensor: name });
  }
  const { type, dims, data } = tensor;
  if (type === "string" || type === "int4" || type === "uint4" || Array.isArray(data)) {
    throw new TracInError("engine", `Values of type ${type} are not supported.`, { tensor: name });
  }
  if (type === "float16") {
    // From Node 24 on the library answers with a Float16Array; ours are the raw bits.
    return tensorOf(type, dims, new Uint16Array(data.buffer, data.byteOffset, data.length));
  }
  return tensorOf(type, dims, data);
}
