import { expect, test } from "vitest";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import type { Graph } from "../../../src/core/graph/graph.ts";
import { shareEqual } from "../../../src/core/graph/share.ts";
import { float32 } from "../../../src/core/graph/tensor.ts";

function graphOf(make: (builder: GraphBuilder) => readonly string[]): Graph {
  const builder = new GraphBuilder();
  builder.input({ name: "x", dtype: "float32", shape: [2, 2] });
  for (const name of make(builder)) {
    builder.output({ name, dtype: "float32", shape: [2, 2] });
  }
  return builder.build();
}

function operators(graph: Graph): string[] {
  return shareEqual(graph).nodes.map(({ op }) => op);
}

test("equal nodes are computed once, and so is what is made of them", () => {
  const graph = graphOf((b) => {
    const twice = () => b.op("Relu", [b.matmul("x", "x")]);
    return [b.add2(twice(), twice())];
  });
  expect(operators(graph)).toEqual(["MatMul", "Relu", "Add"]);
  const sum = shareEqual(graph).nodes.at(-1);
  expect(new Set(sum?.inputs).size).toBe(1);
});

test("nodes with other attributes, other inputs or another order of inputs stay", () => {
  const graph = graphOf((b) => [
    b.op("Softmax", ["x"], { axis: 0 }),
    b.op("Softmax", ["x"], { axis: 1 }),
    b.sub("x", b.scalar(1)),
    b.sub(b.scalar(1), "x"),
  ]);
  expect(operators(graph)).toEqual(["Softmax", "Softmax", "Sub", "Sub"]);
});

test("outputs keep their names, and draws of random numbers are not shared", () => {
  const outputs = graphOf((b) => [b.op("Relu", ["x"]), b.op("Relu", ["x"])]);
  expect(shareEqual(outputs).nodes.flatMap((node) => node.outputs)).toEqual(
    outputs.outputs.map(({ name }) => name),
  );
  const random = graphOf((b) => {
    const draw = () => b.op("RandomNormalLike", ["x"]);
    return [b.add2(draw(), draw())];
  });
  expect(operators(random)).toHaveLength(3);
});

test("constants of nodes are told apart by what they hold", () => {
  const constant = (value: number) => ({
    value: { type: "tensor" as const, value: float32([], [value]) },
  });
  const graph = graphOf((b) => [
    b.add2(b.op("Constant", [], constant(1)), b.op("Constant", [], constant(2))),
  ]);
  expect(operators(graph)).toEqual(["Constant", "Constant", "Add"]);
});
