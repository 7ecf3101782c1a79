import { describe, expect, it } from "vitest";
import type { Values } from "../../../src/core/engines/engine.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import { float32 } from "../../../src/core/graph/tensor.ts";
import type { Model } from "../../../src/core/models/model.ts";
import { probeModel } from "../../../src/core/models/probe.ts";

const engine = onnxruntimeEngine();
const unrecorded = { file: "model.onnx", recorded: false, paddingRows: new Map() } as const;

/** A model on `x` of the given shape. */
function model(
  shape: readonly (number | string)[],
  build: (builder: GraphBuilder, x: string) => string,
): Model {
  const builder = new GraphBuilder();
  const x = builder.input({ name: "x", dtype: "float32", shape });
  builder.output({ name: build(builder, x), dtype: "float32", shape: ["batch", 1] });
  return { ...unrecorded, graph: builder.build(), weights: [] };
}

function feeds(...shape: readonly number[]): (batch: number) => Values {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return (batch) => new Map([["x", float32([batch, ...shape], new Float32Array(batch * size))]]);
}

async function described(probe: Promise<unknown>): Promise<string> {
  const error = await probe.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof TracInError)) {
    throw new Error(`expected a TracInError, got ${String(error)}`);
  }
  expect(error.kind).toBe("model");
  return error.describe();
}

const relu = (builder: GraphBuilder, x: string): string => builder.op("Relu", [x]);

describe("a model that cannot be probed", () => {
  it("with a batch size fixed in its input", async () => {
    expect(await described(probeModel(model([1, 3], relu), engine, feeds(3)))).toMatch(
      /input "x" has shape \[1, 3\]: its batch size is fixed at 1\.? \(model\.onnx, tensor "x"\).*dynamic_axes=\{"x": \{0: "batch"\}/,
    );
    // The fixed size may be one of those that are tried.
    expect(await described(probeModel(model([2, 3], relu), engine, feeds(3)))).toMatch(
      /fixed at 2/,
    );
  });

  it("with a batch size fixed inside", async () => {
    const fixed = model(["batch", 3], (builder, x) => builder.reshape(x, [1, 3]));
    const text = await described(probeModel(fixed, engine, feeds(3)));
    expect(text).toMatch(/cannot be run on a batch of 2 examples/);
    expect(text).toMatch(/model\.onnx.*node Reshape.*\(Reshape\).*x\.shape\[0\]/);
  });

  it("with features of another shape", async () => {
    const errors = {
      size: await described(probeModel(model(["batch", 3], relu), engine, feeds(4))),
      rank: await described(probeModel(model(["batch", 3], relu), engine, feeds(3, 1))),
      missing: await described(probeModel(model(["batch", 3], relu), engine, () => new Map())),
    };
    expect(errors.size).toMatch(
      /shape \[batch, 3\], the data gives 4 instead of 3 on axis 1.*features/,
    );
    expect(errors.rank).toMatch(/shape \[batch, 3\], the data gives \[batch, 3, 1\]/);
    expect(errors.missing).toMatch(/input "x" for which there is no feature/);
  });

  it("with a rank that depends on the batch", async () => {
    const squeezed = model(["batch", 2], (builder, x) =>
      builder.op("Squeeze", [builder.op("Slice", [x, builder.ints([2]), builder.ints([9])])]),
    );
    expect(await described(probeModel(squeezed, engine, feeds(2)))).toMatch(/rank of "Squeeze/);
  });
});

describe("folding", () => {
  it("keeps an output's name when what made it is dropped, and an output that is an input", async () => {
    const builder = new GraphBuilder();
    const x = builder.input({ name: "x", dtype: "float32", shape: ["batch", 2] });
    const y = builder.op("Relu", [x]);
    const [first, second, same] = [y, y, x].map((value) => builder.op("Identity", [value]));
    for (const name of [first, second, same]) {
      builder.output({ name: name ?? "", dtype: "float32", shape: ["batch", 2] });
    }
    const base: Model = { ...unrecorded, graph: builder.build(), weights: [] };
    const { graph } = await probeModel(base, engine, feeds(2));
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Relu", "Identity", "Identity"]);
    expect(graph.outputs.map(({ name }) => name)).toEqual([first, second, same]);
    const program = await engine.compile(graph);
    const input = float32([1, 2], [-1, 2]);
    const outputs = await program.run(new Map([["x", input]]));
    expect(outputs.get(first ?? "")).toEqual(float32([1, 2], [0, 2]));
    expect(outputs.get(second ?? "")).toEqual(float32([1, 2], [0, 2]));
    expect(outputs.get(same ?? "")).toEqual(input);
    await program.dispose();
  });

  it("folds what depends on shapes and constants alone, never what depends on weights", async () => {
    const builder = new GraphBuilder();
    const x = builder.input({ name: "x", dtype: "float32", shape: ["batch", 2] });
    const w = builder.initializer("w", float32([2], [1, 2]));
    const two = builder.op("Cast", [builder.op("Shape", [x], { start: 1 })], { to: 1 });
    const root = builder.op("Sqrt", [w]);
    const y = builder.div(builder.mul(x, root), builder.op("Sqrt", [two]));
    builder.output({ name: y, dtype: "float32", shape: ["batch", 2] });
    const weights = [{ name: "w", shape: [2], role: "parameter" }] as const;
    const base: Model = { ...unrecorded, graph: builder.build(), weights };
    const { graph, typeAt } = await probeModel(base, engine, feeds(2));
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Sqrt", "Mul", "Div"]);
    expect(graph.inputs).toEqual([{ name: "x", dtype: "float32", shape: ["batch", 2] }]);
    expect(typeAt(y, 1000)).toEqual({ dtype: "float32", shape: [1000, 2] });
    expect(() => typeAt("nothing", 1)).toThrow(TracInError);
  });
});
