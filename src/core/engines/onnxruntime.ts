import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { type ErrorPlace, TracInError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { encodeGraph } from "../graph/onnx.ts";
import { type Tensor, tensorOf } from "../graph/tensor.ts";
import type { CompileOptions, Engine, OperatorTimer, Program, Values } from "./engine.ts";
import { SessionProfile } from "./onnxruntime-profile.ts";

/** What both packages have. */
type OnnxRuntime = Pick<typeof import("onnxruntime-node"), "Tensor" | "InferenceSession" | "env">;

/** Protobuf messages end at 2 GiB; some room is left for everything that is not weights. */
const maximalBytes = 2 ** 31 - 2 ** 24;

/**
 * Nodes of a graph that the library still optimises, which takes time with the square of their number: an LSTM over 100 steps
 * with its gradient (4,100 nodes) took 15 s instead of 0.7 s, and ran no faster.
 */
const mostOptimised = 2000;

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

/**
 * The library's optimiser breaks some graphs that are right (in 1.30, a Gemm with a turned weight behind a Reshape that is
 * an output too); these run as they are.
 */
async function createSession(
  runtime: OnnxRuntime,
  provider: string,
  graph: Graph,
  options: CompileOptions,
  profile: Partial<SessionProfile["options"]> = {},
): Promise<InferenceSession> {
  const { threads = 1 } = options;
  const bytes = encodeGraph(graph, { outputTypes: false });
  const create = (graphOptimizationLevel: "all" | "disabled"): Promise<InferenceSession> =>
    runtime.InferenceSession.create(bytes, {
      executionProviders: [provider],
      intraOpNumThreads: threads,
      // Threads that wait by counting take the cores from every other program, and from each other.
      ...(threads > 1 && provider === "cpu"
        ? { extra: { session: { intra_op: { allow_spinning: "0" } } } }
        : {}),
      interOpNumThreads: 1,
      executionMode: "sequential",
      graphOptimizationLevel,
      // Measured on three 3x3 convolutions (256 x 28 x 28, 32 channels): 192 MB at the peak, the fastest of the four;
      // with patterns 271 MB, with neither 426 MB, with patterns alone 176 MB and 1.5 times slower.
      enableCpuMemArena: options.keepsMemory ?? true,
      enableMemPattern: false,
      // What fails is thrown as well; nothing is printed.
      logSeverityLevel: 4,
      ...profile,
    });
  const optimises = options.optimise !== false && graph.nodes.length <= mostOptimised;
  try {
    return optimises
      ? await create("all").catch(async () => await create("disabled"))
      : await create("disabled");
  } catch (cause) {
    throw engineError(graph, cause, "onnxruntime does not take the graph");
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

/** The ways in which onnxruntime names a node in its messages. */
const nodeNames = [
  /Name:'([^']+)'/,
  /Node, \("([^"]+)"/,
  /[Nn]ode ?\(([^)]+)\)/,
  /node with name '([^']+)'/,
] as const;

/** onnxruntime's message as our error, with the node that it names. */
function engineError(graph: Graph, cause: unknown, what: string): TracInError {
  const message = messageOf(cause).trim();
  const names = nodeNames.map((pattern) => pattern.exec(message)?.[1]);
  const input = /Node input '([^']+)'/.exec(message)?.[1];
  const node = graph.nodes.find(
    ({ name, inputs }) => names.includes(name) || (input !== undefined && inputs.includes(input)),
  );
  const place: ErrorPlace = node ? { node: `${node.name} (${node.op})` } : {};
  return new TracInError("engine", `${what}: ${message}`, place, undefined, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
