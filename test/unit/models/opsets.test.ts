import { describe, expect, it } from "vitest";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import type { Attribute, Attributes, Graph } from "../../../src/core/graph/graph.ts";
import {
  bool,
  float32,
  int64,
  type Shape,
  type Tensor,
  toNumbers,
} from "../../../src/core/graph/tensor.ts";
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
    ["Cast", 24, { to: int(7), round_mode: string("up") }, int64([2, 3], [1, 2, 3, 4, 5, 9])],
    ["Identity", 25, {}, x],
    ["Flatten", 28, { axis: int(0) }, float32([1, 6], [1, 2, 3, 4, 5, 9])],
    ["Cast", 20, { to: int(7), saturate: int(1) }, int64([2, 3], [1, 2, 3, 4, 5, 9])],
  ])("%s of %i", async (op, opset, attributes, expected) => {
    expect(await result(op, opset, x, attributes)).toEqual([expected]);
  });

  it("SpaceToDepth of 28 in the order that the older ones have", async () => {
    const attributes = { blocksize: int(2), mode: string("DCR") };
    const [y] = await result("SpaceToDepth", 28, ramp([1, 1, 2, 2]), attributes);
    expect(y).toEqual(float32([1, 4, 1, 1], [-1, -0.75, -0.5, -0.25]));
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

  it.each([
    // Three elements are missing: one before and two behind, or the other way round.
    ["SAME_UPPER", 1],
    ["SAME_LOWER", 2],
  ] as const)("a dilated convolution that keeps the size, %s", async (padding, before) => {
    const values = [1, 2, 4, 8, 16, 32];
    const attributes = { auto_pad: string(padding), dilations: ints(3), kernel_shape: ints(2) };
    const weight = { w: float32([1, 1, 2], [1, 1]) };
    const [y] = await result("Conv", 18, float32([1, 1, 6], values), attributes, weight);
    const at = (index: number): number => values[index] ?? 0;
    const sums = values.map((_, place) => at(place - before) + at(place - before + 3));
    expect(y).toEqual(float32([1, 1, 6], sums));
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

  it.each([
    ["Upsample", 9, { mode: string("nearest") }, ["scales"]],
    ["Resize", 10, {}, ["scales"]],
  ] as const)("%s of %i", async (op, opset, attributes, [scales]) => {
    const more = { [scales]: float32([4], [1, 1, 1, 2]) };
    const [y] = await result(op, opset, ramp([1, 1, 1, 2]), attributes, more);
    expect(y).toEqual(float32([1, 1, 1, 4], [-1, -1, -0.75, -0.75]));
  });

  it("linear Upsample of 9 starts at the first element", async () => {
    const more = { scales: float32([4], [1, 1, 1, 2]) };
    const attributes = { mode: string("linear") };
    const [y] = await result("Upsample", 9, ramp([1, 1, 1, 2]), attributes, more);
    expect(y).toEqual(float32([1, 1, 1, 4], [-1, -0.875, -0.75, -0.75]));
  });

  it("GridSample of 20 names its modes otherwise", async () => {
    const grid = { grid: float32([1, 1, 2, 2], [0, 0, 1, 1]) };
    const attributes = { mode: string("linear"), align_corners: int(1) };
    const [y] = await result("GridSample", 20, ramp([1, 1, 2, 2]), attributes, grid);
    // The middle of -1, -0.75, -0.5 and -0.25, and the last corner.
    expect(y).toEqual(float32([1, 1, 1, 2], [-0.625, -0.25]));
  });

  it("DFT of 20 takes its axis as an input", async () => {
    const more = { length: int64([], [2]), axis: int64([], [1]) };
    const input = float32([1, 2, 1], [1, 3]);
    const [y] = await result("DFT", 20, input, {}, more);
    expect(y?.shape).toEqual([1, 2, 2]);
    // Sums of sines in single precision.
    expect([...(y?.data ?? [])].map((value) => Math.round(1e5 * Number(value)) / 1e5 + 0)).toEqual([
      4, 0, -2, 0,
    ]);
  });

  it("Resize of 19 with symmetric half pixels and whole scales", async () => {
    const graph = {
      inputs: [{ name: "x", dtype: "float32", shape: [1, 1, 1, 2] }],
      outputs: [{ name: "y", dtype: "float32", shape: [] }],
      nodes: [
        {
          op: "Resize",
          name: "n",
          inputs: ["x", "", "scales"],
          outputs: ["y"],
          attributes: {
            mode: string("linear"),
            coordinate_transformation_mode: string("half_pixel_symmetric"),
          },
        },
      ],
      initializers: new Map([["scales", float32([4], [1, 1, 1, 2])]]),
      opset: 19,
    } as const;
    const program = await engine.compile(toOurOpset(graph, "model.onnx"));
    const values = await program.run(new Map([["x", float32([1, 1, 1, 2], [0, 4])]]));
    expect(values.get("y")).toEqual(float32([1, 1, 1, 4], [0, 1, 3, 4]));
    const halves = new Map([["scales", float32([4], [1, 1, 1, 1.5])]]);
    expect(() => toOurOpset({ ...graph, initializers: halves }, "model.onnx")).toThrow(
      "scales that are not whole",
    );
  });

  it("Scatter of 9", async () => {
    const more = { at: int64([1, 2], [1, 0]), updates: float32([1, 2], [7, 8]) };
    const [y] = await result("Scatter", 9, x, { axis: int(1) }, more);
    expect(y).toEqual(float32([2, 3], [8, 7, 3, 4, 5, 9]));
  });

  it("Pad of 19 that wraps around", async () => {
    const more = { pads: int64([4], [1, 0, 0, 2]) };
    const [y] = await result("Pad", 19, x, { mode: string("wrap") }, more);
    expect(y).toEqual(float32([3, 5], [4, 5, 9, 4, 5, 1, 2, 3, 1, 2, 4, 5, 9, 4, 5]));
  });
});

/** onnxruntime's own kernels, which know the operator, are the other side. */
describe("operators that are written with others give what onnxruntime gives", () => {
  it.each<[string, Attributes, Tensor]>([
    ["Shrink", { lambd: float(0.4), bias: float(0.25) }, ramp([2, 5])],
    ["Shrink", {}, ramp([2, 5])],
    ["LpNormalization", { axis: int(1), p: int(1) }, ramp([2, 5])],
    ["LpNormalization", {}, float32([2, 2], [0, 0, 3, 4])],
    [
      "LRN",
      { size: int(3), alpha: float(0.5), beta: float(0.6), bias: float(2) },
      ramp([2, 5, 3, 2]),
    ],
    ["LRN", { size: int(5) }, ramp([1, 6, 2, 1])],
  ])("%s %j", async (op, attributes, input) => {
    const own = await result(op, 18, input, attributes);
    const graph: Graph = {
      inputs: [{ name: "x", dtype: input.dtype, shape: input.shape }],
      outputs: [{ name: "y", dtype: "float32", shape: [] }],
      nodes: [{ op, name: "n", inputs: ["x"], outputs: ["y"], attributes }],
      initializers: new Map(),
      opset: 18,
    };
    const values = await (await engine.compile(graph)).run(new Map([["x", input]]));
    const theirs = values.get("y");
    expect(own[0]?.shape).toEqual(theirs?.shape);
    const [found, wanted] = [own[0], theirs].map((tensor) => (tensor ? toNumbers(tensor) : []));
    const difference = Math.max(
      ...(wanted ?? []).map((element, index) => Math.abs(element - (found?.[index] ?? 0))),
    );
    // Values up to 3 in single precision.
    expect(difference).toBeLessThan(1e-6);
  });
});
