import { describe, expect, test } from "vitest";
import { referenceEngine } from "../../../../src/core/engines/reference/engine.ts";
import { TracInError } from "../../../../src/core/errors.ts";
import { GraphBuilder } from "../../../../src/core/graph/builder.ts";
import type { Graph } from "../../../../src/core/graph/graph.ts";
import { float32, int64, type Tensor } from "../../../../src/core/graph/tensor.ts";

/** A graph with the float32 input `x` [batch, 2] and one node on it whose output is `y`. */
function graphOf(op: string, constants: readonly Tensor[] = [], attributes = {}): Graph {
  const builder = new GraphBuilder();
  builder.input({ name: "x", dtype: "float32", shape: ["batch", 2] });
  const others = constants.map((tensor) => builder.constant(tensor));
  const output = builder.op(op, ["x", ...others], attributes);
  builder.output({ name: output, dtype: "float32", shape: [] });
  return builder.build();
}

async function run(graph: Graph, feeds: ReadonlyMap<string, Tensor>): Promise<Tensor | undefined> {
  const results = await (await referenceEngine().compile(graph)).run(feeds);
  return [...results.values()][0];
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TracInError);
  expect((error as TracInError).kind).toBe("engine");
  return (error as TracInError).describe();
}

const x = float32([1, 2], [1, 3]);

describe("reference engine", () => {
  test("computes in double precision whatever the width of the feeds", async () => {
    const third = await run(graphOf("Div", [float32([], [3])]), new Map([["x", x]]));
    expect(third).toEqual({ dtype: "float64", shape: [1, 2], data: Float64Array.of(1 / 3, 1) });
  });

  test("widens half-precision weights exactly", async () => {
    const half: Tensor = { dtype: "float16", shape: [2], data: Uint16Array.of(0x3555, 0xc000) };
    const brain: Tensor = { dtype: "bfloat16", shape: [2], data: Uint16Array.of(0x3eab, 0xc000) };
    const zero = new Map([["x", float32([1, 2], [0, 0])]]);
    expect((await run(graphOf("Add", [half]), zero))?.data).toEqual(
      Float64Array.of(0.333251953125, -2),
    );
    expect((await run(graphOf("Add", [brain]), zero))?.data).toEqual(
      Float64Array.of(0.333984375, -2),
    );
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ["an unknown operator", () => run(graphOf("Fft"), new Map()), "does not know the operator Fft"],
    ["a missing feed", () => run(graphOf("Neg"), new Map()), 'No value was fed for the input "x"'],
    [
      "a feed of another shape",
      () => run(graphOf("Neg"), new Map([["x", float32([3], [1, 2, 3])]])),
      'The input "x" wants the shape [batch, 2], not [3]',
    ],
    [
      "shapes that do not broadcast",
      () => run(graphOf("Add", [float32([3], [1, 2, 3])]), new Map([["x", x]])),
      "[1, 2] and [3] do not fit together",
    ],
    [
      "an index out of range",
      () => run(graphOf("Gather", [int64([1], [7])], { axis: 1 }), new Map([["x", x]])),
      "the index 7 is not below 2",
    ],
    [
      "an unsupported attribute",
      () =>
        run(graphOf("Pad", [int64([4], [0, 0, 0, 1])], { mode: "circle" }), new Map([["x", x]])),
      'its mode is "circle"',
    ],
  ])("%s is an error", async (_, attempt, message) => {
    expect(await messageOf(attempt())).toContain(message);
  });

  test("a value that is used before it is made is an error that names the node", async () => {
    const graph = graphOf("Neg");
    const late = { ...graph, nodes: graph.nodes.map((node) => ({ ...node, inputs: ["later"] })) };
    const message = await messageOf(referenceEngine().compile(late));
    expect(message).toContain('The value "later" is used before it is made (node Neg.0 (Neg))');
  });
});
