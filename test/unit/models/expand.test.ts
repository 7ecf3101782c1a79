import { describe, expect, test } from "vitest";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import type { Attribute, Graph, Node } from "../../../src/core/graph/graph.ts";
import { float32, int64, type Tensor } from "../../../src/core/graph/tensor.ts";
import { expandedOperators, expandModel } from "../../../src/core/models/expand.ts";
import type { Model } from "../../../src/core/models/model.ts";
import { toOurOpset } from "../../../src/core/models/opsets.ts";
import { expandedCases, farthest, graphOf, restore } from "../engines/onnx-backend.ts";

function modelOf(graph: Graph): Model {
  return { file: "model.onnx", graph, weights: [], recorded: false, paddingRows: new Map() };
}

async function expanded(graph: Graph, feeds: ReadonlyMap<string, Tensor>): Promise<Graph> {
  const model = modelOf(toOurOpset(graph, "model.onnx"));
  return (await expandModel(model, referenceEngine(), feeds, feeds)).graph;
}

describe("operators that are written with others give what the ONNX project's node tests want", () => {
  test("every operator of the table has a case, and those of newer operator sets", () => {
    const covered = new Set(expandedCases.flatMap(({ nodes }) => nodes.map(({ op }) => op)));
    const others = ["SplitToSequence", "SequenceAt", "If"];
    expect([...expandedOperators].filter((op) => !covered.has(op))).toEqual(others);
    expect(["SwiGLU", "Swish"].filter((op) => !covered.has(op))).toEqual([]);
  });

  test.each(expandedCases.map((each) => [each.name, each] as const))("%s", async (_, each) => {
    const { graph, feeds } = graphOf(each);
    const result = await expanded({ ...graph, opset: each.opset }, feeds);
    expect(result.nodes.filter(({ op }) => expandedOperators.has(op))).toEqual([]);
    const program = await referenceEngine().compile(result);
    const found = await program.run(feeds);
    for (const [name, stored] of Object.entries(each.outputs)) {
      const wanted = restore(stored);
      expect(found.get(name)?.shape).toEqual(wanted.shape);
      expect(farthest(found.get(name), wanted, each)).toBeLessThanOrEqual(1);
    }
  });
});

function int(value: number): Attribute {
  return { type: "int", value };
}

function graph(
  nodes: readonly Node[],
  inputs: Readonly<Record<string, Tensor>>,
  initializers: Readonly<Record<string, Tensor>> = {},
): { readonly graph: Graph; readonly feeds: ReadonlyMap<string, Tensor> } {
  return {
    graph: {
      inputs: Object.entries(inputs).map(([name, { dtype, shape }]) => ({
        name,
        dtype,
        shape: ["batch", ...shape.slice(1)],
      })),
      outputs: [{ name: "y", dtype: "float32", shape: [] }],
      nodes,
      initializers: new Map(Object.entries(initializers)),
      opset: 18,
    },
    feeds: new Map(Object.entries(inputs)),
  };
}

function node(
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Node["attributes"] = {},
): Node {
  return { op, name: `/block/${op}`, inputs, outputs: [output], attributes };
}

describe("lists of tensors", () => {
  const x = float32([2, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const part = async (split: Tensor | undefined, place: number, attributes = {}) => {
    const given = graph(
      [
        node("SplitToSequence", split ? ["x", "split"] : ["x"], "list", {
          axis: int(1),
          ...attributes,
        }),
        node("SequenceAt", ["list", "place"], "y"),
      ],
      { x },
      { ...(split && { split }), place: int64([], [place]) },
    );
    const program = await referenceEngine().compile(
      await expandedAtTwoSizes(given.graph, given.feeds),
    );
    const y = (await program.run(given.feeds)).get("y");
    return { shape: y?.shape, data: [...(y?.data ?? [])] };
  };
  // The batch grows, so that its axis is known.
  const expandedAtTwoSizes = async (
    whole: Graph,
    feeds: ReadonlyMap<string, Tensor>,
  ): Promise<Graph> => {
    const three = new Map([...feeds, ["x", float32([3, 5], new Array(15).fill(0))]]);
    return (await expandModel(modelOf(whole), referenceEngine(), feeds, three)).graph;
  };

  test("parts of one length, the last shorter", async () => {
    expect(await part(int64([], [2]), 1)).toEqual({ shape: [2, 2], data: [2, 3, 7, 8] });
    expect(await part(int64([], [2]), -1)).toEqual({ shape: [2, 1], data: [4, 9] });
  });
  test("parts of given lengths", async () => {
    expect(await part(int64([2], [1, 4]), 0)).toEqual({ shape: [2, 1], data: [0, 5] });
  });
  test("single entries without their axis", async () => {
    expect(await part(undefined, 3, { keepdims: int(0) })).toEqual({ shape: [2], data: [3, 8] });
  });
  test("a place beyond the list is refused", async () => {
    await expect(part(int64([], [2]), 3)).rejects.toThrow("The list has no part 3, only 3.");
  });
  test("a list over the examples is refused, naming node and module", async () => {
    await expect(part(undefined, 0, { axis: int(0) })).rejects.toMatchObject({
      message: "A list of one tensor for each example is not supported.",
      place: { node: "/block/SplitToSequence (SplitToSequence)", layer: "block" },
    });
  });
});

describe("forms that are refused, naming node and module", () => {
  const x = float32([3, 2, 2], new Array(12).fill(0.5));
  const weights = (gates: number) => ({
    w: float32([1, gates * 2, 2], new Array(gates * 4).fill(0.1)),
    r: float32([1, gates * 2, 2], new Array(gates * 4).fill(0.1)),
  });
  const lstm = (attributes: Node["attributes"], r = weights(4).r) => {
    const { graph: whole, feeds } = graph(
      [node("LSTM", ["x", "w", "r"], "y", attributes)],
      { x },
      { ...weights(4), r },
    );
    return expanded(whole, feeds);
  };
  test.each([
    ["coupled gates", { input_forget: int(1) }, "Coupled input and forget gates"],
    ["clipped gates", { clip: { type: "float", value: 3 } }, "Clipped gates"],
    [
      "an activation with numbers",
      {
        activations: { type: "strings", value: ["Affine", "Tanh", "Tanh"] },
        activation_alpha: { type: "floats", value: [2] },
      },
      "The activation Affine with numbers of its own is not supported.",
    ],
  ] as const)("%s", async (_, attributes, message) => {
    await expect(lstm(attributes)).rejects.toMatchObject({
      message: expect.stringContaining(message),
      place: { file: "model.onnx", node: "/block/LSTM (LSTM)", layer: "block" },
    });
  });
  test("a projection", async () => {
    const r = float32([1, 8, 1], new Array(8).fill(0.1));
    await expect(lstm({}, r)).rejects.toThrow("ONNX has no recurrent layers with a projection");
  });
  test("a diagonal", async () => {
    const { graph: whole, feeds } = graph(
      [node("Einsum", ["x"], "y", { equation: { type: "string", value: "tii->ti" } })],
      { x },
    );
    await expect(expanded(whole, feeds)).rejects.toThrow('"tii->ti" names an axis twice');
  });
});

describe("an If is the branch that the shapes of the data choose", () => {
  const batches = [2, 3].map(
    (batch) =>
      new Map([
        [
          "x",
          float32(
            [batch, 1],
            Array.from({ length: batch }, (_, at) => at + 1),
          ),
        ],
      ]),
  );
  const [two = new Map(), three = new Map()] = batches;
  /** y = x + x where `condition` (made by `nodes`), else x * x * x; only one of them may be run. */
  const choose = (nodes: readonly Node[], values: Readonly<Record<string, Tensor>> = {}) => {
    const made = graph(
      [
        ...nodes,
        node("Add", ["x", "x"], "then"),
        node("Made", ["x"], "other"),
        { ...node("If", ["condition", "then", "other"], "y"), name: "choice" },
      ],
      { x: float32([2, 1], [1, 2]) },
      values,
    );
    return expandModel(modelOf(made.graph), referenceEngine(), two, three);
  };
  const sizeIs = (axis: number, size: number) =>
    [
      [
        node("Shape", ["x"], "shape"),
        node("Gather", ["shape", "axis"], "size"),
        node("Equal", ["size", "wanted"], "condition"),
      ],
      { axis: int64([], [axis]), wanted: int64([], [size]) },
    ] as const;

  test("the other one is gone, and with it what no engine could run", async () => {
    const { graph: taken } = await choose(...sizeIs(1, 1));
    expect(taken.nodes.map(({ op }) => op)).toEqual(["Add", "Identity"]);
  });

  test.each([
    ["the number of examples", /number of examples/, sizeIs(0, 2)],
    ["the data", /data or on weights/, [[node("IsNaN", ["x"], "condition")], {}]],
  ] as const)("%s may not choose", async (_, text, [nodes, values]) => {
    await expect(choose(nodes, values)).rejects.toMatchObject({
      kind: "model",
      message: expect.stringMatching(text),
      place: { node: "choice (If)" },
    });
  });
});
