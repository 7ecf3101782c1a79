import { describe, expect, it } from "vitest";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import type { Attribute, Attributes, Graph } from "../../../src/core/graph/graph.ts";
import { bool, float32, int64, type Shape, type Tensor } from "../../../src/core/graph/tensor.ts";
import { toOurOpset } from "../../../src/core/models/opsets.ts";

const engine = onnxruntimeEngine();

const int = (value: number): Attribute => ({ type: "int", value });
const ints = (...value: number[]): Attribute => ({ type: "ints", value });
const float = (value: number): Attribute => ({ type: "float", value });
const string = (value: string): Attribute => ({ type: "string", value });

/** What one operator of an operator set makes of `input`, after conversion to ours. */
async function result(
  op: string,
  opset: number,
  input: Tensor,
  attributes: Attributes = {},
  more: Readonly<Record<string, Tensor>> = {},
  outputs: readonly string[] = ["y"],
): Promise<Tensor[]> {
  const graph: Graph = {
    inputs: [{ name: "x", dtype: input.dtype, shape: input.shape }],
    outputs: outputs.map((name) => ({ name, dtype: "float32", shape: [] })),
    nodes: [{ op, name: "n", inputs: ["x", ...Object.keys(more)], outputs, attributes }],
    initializers: new Map(Object.entries(more)),
    opset,
  };
  const program = await engine.compile(toOurOpset(graph, "model.onnx"));
  const values = await program.run(new Map([["x", input]]));
  await program.dispose();
  return [...values.values()];
}

const x = float32([2, 3], [1, 2, 3, 4, 5, 9]);
const ramp = (shape: Shape): Tensor => {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return float32(
    shape,
    Array.from({ length: size }, (_, index) => index / 4 - 1),
  );
};

describe("operators of older and newer sets, converted to 18", () => {
  it.each<[string, number, Attributes, Tensor]>([
    ["ReduceSum", 11, { axes: ints(1), keepdims: int(0) }, float32([2], [6, 18])],
    ["ReduceMean", 17, { axes: ints(-1) }, float32([2, 1], [2, 6])],
    ["ReduceMax", 13, { axes: ints(0), keepdims: int(0) }, float32([3], [4, 5, 9])],
    ["ReduceMin", 9, {}, float32([1, 1], [1])],
    ["ReduceL1", 12, { axes: ints(1), keepdims: int(0) }, float32([2], [6, 18])],
    ["Unsqueeze", 11, { axes: ints(0, 3) }, float32([1, 2, 3, 1], [1, 2, 3, 4, 5, 9])],
    [
      "Slice",
      9,
      { starts: ints(1), ends: ints(Number.MAX_SAFE_INTEGER), axes: ints(1) },
      float32([2, 2], [2, 3, 5, 9]),
    ],
    ["Slice", 9, { starts: ints(1, 0), ends: ints(2, -1) }, float32([1, 2], [4, 5])],
    [
      "Pad",
      10,
      { pads: ints(0, 1, 0, 0), value: float(7) },
      float32([2, 4], [7, 1, 2, 3, 7, 4, 5, 9]),
    ],
    ["Pad", 9, { pads: ints(0, 0, 0, 1) }, float32([2, 4], [1, 2, 3, 0, 4, 5, 9, 0])],
    ["Clip", 10, { min: float(2) }, float32([2, 3], [2, 2, 3, 4, 5, 9])],
    ["Clip", 6 + 3, { max: float(4), min: float(2) }, float32([2, 3], [2, 2, 3, 4, 4, 4])],
    ["Dropout", 10, { ratio: float(0.5) }, x],
    ["Cast", 20, { to: int(7), saturate: int(1) }, int64([2, 3], [1, 2, 3, 4, 5, 9])],
  ])("%s of %i", async (op, opset, attributes, expected) => {
    expect(await result(op, opset, x, attributes)).toEqual([expected]);
  });

  it("Squeeze of 12", async () => {
    const [y] = await result("Squeeze", 12, ramp([1, 2, 1]), { axes: ints(0) });
    expect(y).toEqual(float32([2, 1], [-1, -0.75]));
  });

  it.each([
    ["with lengths as an attribute", 11, { axis: int(1), split: ints(1, 2) }],
    ["with lengths by number of outputs", 13, { axis: int(0) }],
  ] as const)("Split %s", async (_, opset, attributes) => {
    const [a, b] = await result("Split", opset, x, attributes, {}, ["a", "b"]);
    expect([a?.shape, b?.shape]).toEqual(
      opset === 11
        ? [
            [2, 1],
            [2, 2],
          ]
        : [
            [1, 3],
            [1, 3],
          ],
    );
    expect([...(a?.data ?? [])]).toEqual(opset === 11 ? [1, 4] : [1, 2, 3]);
  });

  it("Dropout of 13 outside training", async () => {
    const more = { ratio: float32([], [0.5]), training: bool([], [false]) };
    expect(await result("Dropout", 13, x, {}, more)).toEqual([x]);
  });

  it("average pooling of 19 without dilation", async () => {
    const attributes = { kernel_shape: ints(2), dilations: ints(1) };
    const [y] = await result("AveragePool", 19, ramp([1, 1, 3]), attributes);
    expect(y).toEqual(float32([1, 1, 2], [-0.875, -0.625]));
  });

  it.each([1, 2, -1, undefined])("Softmax of 11 joins the axes from %s on", async (axis) => {
    const input = ramp([2, 3, 4]);
    const [y] = await result("Softmax", 11, input, axis === undefined ? {} : { axis: int(axis) });
    const group = axis === 2 || axis === -1 ? 4 : 12;
    const exponentials = Array.from({ length: 24 }, (_, index) =>
      Math.exp(Number(input.data[index])),
    );
    const expected = exponentials.map((value, index) => {
      const start = index - (index % group);
      return value / exponentials.slice(start, start + group).reduce((a, b) => a + b);
    });
    expect(y?.shape).toEqual([2, 3, 4]);
    for (const [index, value] of expected.entries()) {
      // A float32 quotient of values below 1.
      expect(Number(y?.data[index])).toBeCloseTo(value, 6);
    }
  });

  it.each([
    // gelu(1) and gelu(-2) by the definition x Phi(x), and by the tanh approximation.
    ["none", [0.8413447461, -0.0455002639]],
    ["tanh", [0.8411919906, -0.0454023059]],
  ] as const)("Gelu of 20, approximate=%s", async (approximate, expected) => {
    const attributes = { approximate: string(approximate) };
    const [y] = await result("Gelu", 20, float32([2], [1, -2]), attributes);
    expect(Number(y?.data[0])).toBeCloseTo(expected[0], 6);
    expect(Number(y?.data[1])).toBeCloseTo(expected[1], 6);
  });
});
