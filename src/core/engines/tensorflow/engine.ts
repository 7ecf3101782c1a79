import { TracInError } from "../../errors.ts";
import type { Graph, Node } from "../../graph/graph.ts";
import { placeOfNode } from "../../graph/place.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { checkFeeds, checkOrder } from "../check.ts";
import type { Engine, OperatorTimer, Program, Values } from "../engine.ts";
import { fewElements, onHost, runsOnHost } from "./host.ts";
import { kernels } from "./kernels.ts";
import { type Kernel, type Run, type TensorFlow, type TfTensor, Value } from "./value.ts";

/**
 * Executes a graph operator by operator through tfjs. Floating values are float32; integers are exact (see `host.ts`).
 *
 * A tensor that is fed to two runs in a row is uploaded once, so the weights of a checkpoint cross once for all its batches:
 * the arrays of feeds must not change between runs. `threads` is ignored: TensorFlow's are set when it is loaded.
 *
 * @param tf `@tensorflow/tfjs-node`, or `@tensorflow/tfjs-core` with a backend
 * @param few integer tensors of up to so many elements stay on the host
 */
export function tensorflowEngine(tf: TensorFlow, few = fewElements): Engine {
  const uploads = new Uploads(tf);
  return {
    name: "tensorflow",
    async compile(graph, options = {}): Promise<Program> {
      return new TensorFlowProgram(tf, graph, uploads, few, options.onOperator);
    },
  };
}

/** The feeds of the latest run on the device. */
class Uploads {
  private latest = new Map<Tensor, Value>();
  private users = 0;

  constructor(private readonly tf: TensorFlow) {}

  take(feeds: Iterable<Tensor>): ReadonlyMap<Tensor, Value> {
    const now = new Map<Tensor, Value>();
    for (const tensor of feeds) {
      now.set(tensor, this.latest.get(tensor) ?? Value.ofTensor(this.tf, tensor));
    }
    for (const [tensor, value] of this.latest) {
      if (!now.has(tensor)) {
        value.dispose();
      }
    }
    this.latest = now;
    return now;
  }

  open(): void {
    this.users++;
  }

  close(): void {
    this.users--;
    if (this.users === 0) {
      this.take([]);
    }
  }
}

class TensorFlowProgram implements Program {
  private readonly weights: ReadonlyMap<string, Value>;
  private readonly constants = new Map<string, TfTensor>();
  /** Values that nobody needs after a node, by the node's number. */
  private readonly lastUses: readonly (readonly string[])[];
  private readonly steps: readonly { readonly node: Node; readonly kernel: Kernel }[];
  private isDisposed = false;

  constructor(
    private readonly tf: TensorFlow,
    private readonly graph: Graph,
    private readonly uploads: Uploads,
    private readonly few: number,
    private readonly onOperator: OperatorTimer | undefined,
  ) {
    checkOrder(graph);
    this.steps = graph.nodes.map((node) => ({ node, kernel: kernelOf(node) }));
    this.weights = new Map(
      [...graph.initializers].map(([name, tensor]) => [name, Value.ofTensor(tf, tensor)]),
    );
    this.lastUses = lastUsesOf(graph);
    uploads.open();
  }

  async run(feeds: Values): Promise<Values> {
    if (this.isDisposed) {
      throw new TracInError("internal", "The program was disposed.");
    }
    const fed = checkFeeds(this.graph, feeds);
    const uploaded = this.uploads.take(fed.values());
    const values = new Map(this.weights);
    for (const [name, tensor] of fed) {
      values.set(name, uploaded.get(tensor) as Value);
    }
    const made = new Map<string, Value>();
    try {
      for (const [index, { node, kernel }] of this.steps.entries()) {
        const inputs = node.inputs.map((name) => (name === "" ? undefined : values.get(name)));
        const started = performance.now();
        const results = this.execute(node, kernel, inputs);
        this.onOperator?.(node.op, (performance.now() - started) / 1000);
        node.outputs.forEach((name, place) => {
          const result = results[place];
          if (result !== undefined && name !== "") {
            values.set(name, result);
            made.set(name, result);
          } else {
            result?.dispose();
          }
        });
        for (const name of this.lastUses[index] ?? []) {
          made.get(name)?.dispose();
          made.delete(name);
          values.delete(name);
        }
      }
      return new Map(this.graph.outputs.map(({ name }) => [name, outputOf(values, name)]));
    } finally {
      for (const value of made.values()) {
        value.dispose();
      }
    }
  }

  private execute(
    node: Node,
    kernel: Kernel,
    inputs: readonly (Value | undefined)[],
  ): readonly Value[] {
    const run: Run = {
      tf: this.tf,
      constant: (key, make) => {
        const known = this.constants.get(key);
        const tensor = known ?? this.tf.keep(make());
        this.constants.set(key, tensor);
        return tensor;
      },
    };
    let results: readonly Value[] = [];
    try {
      // Everything that the kernel leaves behind is freed, but for its results.
      this.tf.tidy(() => {
        const found = runsOnHost(node, inputs, this.few)
          ? onHost(inputs, node, run)
          : kernel(inputs, node, run);
        results = (found instanceof Value ? [found] : found).map((value) =>
          ownResult(value, inputs, run),
        );
        return results.flatMap((value) => value.deviceOrNothing ?? []);
      });
      return results;
    } catch (cause) {
      throw atNode(node, cause);
    }
  }

  async dispose(): Promise<void> {
    if (this.isDisposed) {
      return;
    }
    this.isDisposed = true;
    for (const value of this.weights.values()) {
      value.dispose();
    }
    for (const tensor of this.constants.values()) {
      tensor.dispose();
    }
    this.uploads.close();
  }
}

/** A result that shares its tensor with an input gets one of its own, because both are freed. */
function ownResult(value: Value, inputs: readonly (Value | undefined)[], run: Run): Value {
  const tensor = value.deviceOrNothing;
  if (tensor !== undefined) {
    // What is kept belongs to a weight, a feed or a constant.
    const isShared = tensor.kept || inputs.some((input) => input?.deviceOrNothing === tensor);
    return isShared ? Value.ofDevice(run.tf, value.dtype, run.tf.clone(tensor)) : value;
  }
  return inputs.includes(value) ? Value.ofTensor(run.tf, value.toTensor()) : value;
}

function kernelOf(node: Node): Kernel {
  const kernel = kernels.get(node.op);
  if (kernel === undefined) {
    throw new TracInError(
      "engine",
      `The TensorFlow engine does not know the operator ${node.op}`,
      placeOfNode(node),
      'Use the engine "onnxruntime" for this model.',
    );
  }
  return kernel;
}

/** For each node the values that it is the last to use, or makes for nobody; outputs of the graph stay. */
function lastUsesOf(graph: Graph): string[][] {
  const seen = new Set(graph.outputs.map(({ name }) => name));
  const result: string[][] = graph.nodes.map(() => []);
  for (let index = graph.nodes.length - 1; index >= 0; index--) {
    const node = graph.nodes[index] as Node;
    for (const name of [...node.inputs, ...node.outputs]) {
      if (name !== "" && !seen.has(name)) {
        seen.add(name);
        result[index]?.push(name);
      }
    }
  }
  return result;
}

function outputOf(values: ReadonlyMap<string, Value>, name: string): Tensor {
  const value = values.get(name);
  if (value === undefined) {
    throw new TracInError("engine", `The output "${name}" was not computed.`);
  }
  return value.toTensor();
}

/** Any error as one that names the node. */
function atNode(node: Node, cause: unknown): TracInError {
  if (cause instanceof TracInError && cause.place.node !== undefined) {
    return cause;
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  const remedy = cause instanceof TracInError ? cause.remedy : undefined;
  return new TracInError("engine", message, placeOfNode(node), remedy, { cause });
}
