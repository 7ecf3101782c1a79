import type { GeneratorValue } from "fast-check";
import { differentiate } from "../../../src/core/autodiff/differentiate.ts";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import { type AttributeShorthand, GraphBuilder } from "../../../src/core/graph/builder.ts";
import type { Graph, Node, ValueType } from "../../../src/core/graph/graph.ts";
import { type Shape, sizeOf, type Tensor, toNumbers } from "../../../src/core/graph/tensor.ts";

/** A random case generator: draws numbers from fast-check. */
export type Draw = GeneratorValue;

/** One application of an operator, with values for its inputs. */
export interface OperatorCase {
  readonly attributes?: Readonly<Record<string, AttributeShorthand>>;
  /** Absent optional inputs are `undefined`. */
  readonly inputs: readonly (Tensor | undefined)[];
  /** Positions of the inputs whose gradient is checked. */
  readonly checked: readonly number[];
  readonly outputs?: number;
  /** Positions of inputs that are the outputs of other nodes, so that a rule sees no constant. */
  readonly computed?: readonly number[];
}

/** A float64 tensor. */
export function float64(shape: Shape, data: ArrayLike<number>): Tensor<"float64"> {
  return { dtype: "float64", shape, data: Float64Array.from(data) };
}

/** Runs a graph's nodes on the reference engine and returns the named values. */
export async function evaluate(
  graph: Graph,
  names: readonly string[],
): Promise<Map<string, Tensor>> {
  const outputs = names.map((name) => ({ name, dtype: "float64" as const, shape: [] }));
  const program = await referenceEngine().compile({ ...graph, outputs });
  return new Map(await program.run(new Map()));
}

/** Types of all values of a graph, by running it. */
export async function typesOf(graph: Graph): Promise<(value: string) => ValueType> {
  const names = graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ""));
  const values = new Map([...graph.initializers, ...(await evaluate(graph, names))]);
  return (name) => {
    const tensor = values.get(name);
    if (tensor === undefined) {
      throw new Error(`no type for ${name}`);
    }
    return { dtype: tensor.dtype, shape: tensor.shape };
  };
}

/** The graph of one operator whose inputs are initializers `x0`, `x1`, ... */
export function graphOf(op: string, each: OperatorCase): { graph: Graph; node: Node } {
  const builder = new GraphBuilder();
  const inputs = each.inputs.map((tensor, index) => {
    const name = tensor === undefined ? "" : builder.initializer(`x${index}`, tensor);
    return each.computed?.includes(index) ? builder.op("Identity", [name]) : name;
  });
  builder.ops(op, inputs, each.outputs ?? 1, each.attributes);
  const graph = builder.build();
  return { graph, node: graph.nodes.at(-1) as Node };
}

/**
 * The largest difference between the rule's gradient and central differences of the loss sum(r y), for fixed random r,
 * relative to the largest gradient (at least 1). Both are in double precision: a step of 1e-5 leaves an error of about
 * 1e-10 / 1e-5 from rounding and 1e-10 from the third derivative.
 */
export async function largestError(op: string, each: OperatorCase): Promise<number> {
  const { graph, node } = graphOf(op, each);
  const type = await typesOf(graph);
  const outputs = node.outputs.filter((output) => type(output).dtype === "float64");
  const weights = new Map(
    outputs.map((output, which) => {
      const { shape } = type(output);
      const data = Array.from({ length: sizeOf(shape) }, (_, i) => Math.cos(1 + 2.3 * i + which));
      return [output, float64(shape, data)] as const;
    }),
  );
  const builder = new GraphBuilder(graph);
  const seeds = new Map(
    [...weights].map(([output, tensor]) => [output, builder.initializer(`seed.${output}`, tensor)]),
  );
  const wanted = each.checked.map((index) => `x${index}`);
  const gradients = differentiate(builder, graph, type, seeds, wanted);
  const results = await evaluate(builder.build(), [...gradients.values()]);

  const loss = async (name: string, data: Float64Array): Promise<number> => {
    const tensor = graph.initializers.get(name) as Tensor;
    const initializers = new Map(graph.initializers).set(name, float64(tensor.shape, data));
    const values = await evaluate({ ...graph, initializers }, outputs);
    let sum = 0;
    for (const [output, tensor] of weights) {
      values.get(output)?.data.forEach((element, i) => {
        sum += Number(element) * (tensor.data[i] ?? 0);
      });
    }
    return sum;
  };

  let worst = 0;
  for (const name of wanted) {
    const x = graph.initializers.get(name);
    const found = gradients.get(name);
    // A rule that gives no gradient says that it is 0.
    const gradient = found === undefined ? x : results.get(found);
    if (x?.dtype !== "float64" || gradient?.shape.join() !== x.shape.join()) {
      throw new Error(`gradient of ${name}: shape ${gradient?.shape}, expected ${x?.shape}`);
    }
    const slopes = found === undefined ? [...x.data].map(() => 0) : toNumbers(gradient);
    const largest = Math.max(1, ...slopes.map(Math.abs));
    // A few dozen elements of each input are enough, and keep convolutions quick.
    const stride = Math.max(1, Math.floor(x.data.length / 24));
    for (let i = 0; i < x.data.length; i += stride) {
      const step = 1e-5;
      const moved = (by: number) =>
        x.data.map((element, at) => (at === i ? element + by : element));
      const slope =
        ((await loss(name, moved(step))) - (await loss(name, moved(-step)))) / (2 * step);
      const error = Math.abs(slope - (slopes[i] ?? 0)) / largest;
      worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
    }
  }
  return worst;
}
