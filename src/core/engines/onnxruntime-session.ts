import type { InferenceSession } from "onnxruntime-node";
import { type ErrorPlace, TracInError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { encodeGraph } from "../graph/onnx.ts";
import type { CompileOptions } from "./engine.ts";
import type { SessionProfile } from "./onnxruntime-profile.ts";

/** What both packages have. */
export type OnnxRuntime = Pick<
  typeof import("onnxruntime-node"),
  "Tensor" | "InferenceSession" | "env"
>;

/**
 * Nodes of a graph that the library still optimises, which takes time with the square of their number: an LSTM over 100 steps
 * with its gradient (4,100 nodes) took 15 s instead of 0.7 s, and ran no faster.
 */
const mostOptimised = 2000;

type Level = "all" | "disabled";

/**
 * A session of the graph. Throws kind `engine`, naming the node.
 *
 * The library's optimiser breaks some graphs that are right (in 1.30, a Gemm with a turned weight behind a Reshape that is
 * an output too); these run as they are.
 */
export async function createSession(
  runtime: OnnxRuntime,
  provider: string,
  graph: Graph,
  options: CompileOptions,
  profile: Partial<SessionProfile["options"]> = {},
): Promise<InferenceSession> {
  const { threads = 1 } = options;
  const bytes = encodeGraph(graph, { outputTypes: false });
  const create = async (graphOptimizationLevel: Level): Promise<InferenceSession> =>
    await runtime.InferenceSession.create(bytes, {
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
  const refuse = (cause: unknown, more = ""): never => {
    throw engineError(graph, cause, "onnxruntime does not take the graph", more);
  };
  if (options.optimise === false || graph.nodes.length > mostOptimised) {
    return await create("disabled").catch(refuse);
  }
  return await create("all").catch(async (first: unknown) => {
    // The graph as it is needs no less of it.
    if (lacksMemory.test(messageOf(first))) {
      return refuse(first);
    }
    return await create("disabled").catch((second: unknown) => {
      const same = messageOf(first) === messageOf(second);
      return refuse(second, same ? "" : ` Optimised: ${messageOf(first)}`);
    });
  });
}

const lacksMemory = /bad.?alloc|failed to allocate|out of memory/i;

/** The ways in which onnxruntime names a node in its messages. */
const nodeNames = [
  /Name:'([^']+)'/,
  /Node, \("([^"]+)"/,
  /[Nn]ode ?\(([^)]+)\)/,
  /node with name '([^']+)'/,
] as const;

/** onnxruntime's message as our error, with the node that it names. */
export function engineError(graph: Graph, cause: unknown, what: string, more = ""): TracInError {
  const message = messageOf(cause).trim();
  const names = nodeNames.map((pattern) => pattern.exec(message)?.[1]);
  const input = /Node input '([^']+)'/.exec(message)?.[1];
  const node = graph.nodes.find(
    ({ name, inputs }) => names.includes(name) || (input !== undefined && inputs.includes(input)),
  );
  const place: ErrorPlace = node ? { node: `${node.name} (${node.op})` } : {};
  return new TracInError("engine", `${what}: ${message}${more}`, place, undefined, { cause });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
