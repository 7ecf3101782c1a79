import { expect, test } from "vitest";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import { poolBeforeRelu } from "../../../src/core/tracin/pool-order.ts";

const context = { unique: (stem: string) => stem, record: (value: string) => value };
const window = { kernel_shape: [2, 2], strides: [2, 2] };

function shapeOf(build: (builder: GraphBuilder) => string): string[] {
  const builder = new GraphBuilder();
  const result = build(builder);
  const nodes = poolBeforeRelu(builder.nodes, new Set([result]), context);
  return nodes.map(({ op, inputs, outputs }) => `${outputs[0]} = ${op}(${inputs.join()})`);
}

test("relu passes over the pooled map", () => {
  const nodes = shapeOf((b) => b.op("MaxPool", [b.op("Relu", ["x"])], window));
  expect(nodes).toEqual(["MaxPool.1/pooled = MaxPool(x)", "MaxPool.1 = Relu(MaxPool.1/pooled)"]);
});

test("a map that something else reads too stays where it is", () => {
  const nodes = shapeOf((b) => {
    const map = b.op("Relu", ["x"]);
    return b.op("Concat", [b.op("MaxPool", [map], window), map], { axis: 1 });
  });
  expect(nodes[0]).toBe("Relu.0 = Relu(x)");
  expect(nodes[1]).toBe("MaxPool.1 = MaxPool(Relu.0)");
});

test("so does one that is a result, and one whose indices are read", () => {
  const result = shapeOf((b) => {
    const map = b.op("Relu", ["x"]);
    b.op("MaxPool", [map], window);
    return map;
  });
  expect(result).toEqual(["Relu.0 = Relu(x)", "MaxPool.1 = MaxPool(Relu.0)"]);
  const indexed = shapeOf((b) => b.ops("MaxPool", [b.op("Relu", ["x"])], 2, window)[0] as string);
  expect(indexed[0]).toBe("Relu.0 = Relu(x)");
});
