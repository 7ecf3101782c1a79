import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import type { Graph, Node } from "../../../src/core/graph/graph.ts";
import {
  type DataType,
  float32,
  int64,
  type Tensor,
  tensorOf,
} from "../../../src/core/graph/tensor.ts";

const engine = onnxruntimeEngine();

function identity(dtype: DataType): Graph {
  const builder = new GraphBuilder();
  const x = builder.input({ name: "x", dtype, shape: ["n"] });
  builder.output({ name: builder.op("Identity", [x]), dtype, shape: ["n"] });
  return builder.build();
}

function product(): Graph {
  const builder = new GraphBuilder();
  const x = builder.input({ name: "x", dtype: "float32", shape: ["batch", 2] });
  const w = builder.input({ name: "w", dtype: "float32", shape: [2, 2] });
  const y = builder.matmul(x, w);
  builder.output({ name: y, dtype: "float32", shape: ["batch", 2] });
  return builder.build();
}

async function failure(promise: Promise<unknown>): Promise<TracInError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof TracInError)) {
    throw new Error(`expected a TracInError, got ${String(error)}`);
  }
  expect(error.kind).toBe("engine");
  return error;
}

describe("the onnxruntime engine", () => {
  const values: readonly Tensor[] = [
    float32([2], [1.5, -2]),
    tensorOf("float64", [2], Float64Array.of(Math.PI, 1)),
    tensorOf("float16", [2], Uint16Array.of(0x3c00, 0xc000)),
    tensorOf("int8", [2], Int8Array.of(-128, 127)),
    tensorOf("int16", [2], Int16Array.of(-3, 4)),
    tensorOf("int32", [2], Int32Array.of(-3, 4)),
    int64([2], [-3, 2 ** 40]),
    tensorOf("uint8", [2], Uint8Array.of(0, 255)),
    tensorOf("uint16", [2], Uint16Array.of(0, 65535)),
    tensorOf("uint32", [2], Uint32Array.of(0, 2 ** 32 - 1)),
    tensorOf("uint64", [2], BigUint64Array.of(0n, 2n ** 64n - 1n)),
    tensorOf("bool", [2], Uint8Array.of(0, 1)),
  ];

  it.each(values)("passes $dtype through", async (tensor) => {
    const graph = identity(tensor.dtype);
    const program = await engine.compile(graph);
    const outputs = await program.run(new Map([["x", tensor]]));
    expect(outputs.get(graph.outputs[0]?.name ?? "")).toEqual(tensor);
    await program.dispose();
  });

  it("multiplies, at any batch size, and sees what is written into a fed array", async () => {
    const graph = product();
    const program = await engine.compile(graph, { threads: 2 });
    const data = Float32Array.of(1, 2, 3, 4);
    const w = tensorOf("float32", [2, 2], data);
    const y = graph.outputs[0]?.name ?? "";
    const run = async (x: Tensor) =>
      (
        await program.run(
          new Map([
            ["x", x],
            ["w", w],
          ]),
        )
      ).get(y);
    expect(await run(float32([1, 2], [1, 0]))).toEqual(float32([1, 2], [1, 2]));
    data[0] = 10;
    expect(await run(float32([2, 2], [1, 0, 0, 1]))).toEqual(float32([2, 2], [10, 2, 3, 4]));
    await program.dispose();
  });

  it("ignores the declared types of outputs", async () => {
    const graph = product();
    const outputs = graph.outputs.map((output) => ({
      ...output,
      dtype: "int64" as const,
      shape: [],
    }));
    const program = await engine.compile({ ...graph, outputs });
    const feeds = new Map([
      ["x", float32([1, 2], [1, 1])],
      ["w", float32([2, 2], [1, 2, 3, 4])],
    ]);
    expect([...(await program.run(feeds)).values()]).toEqual([float32([1, 2], [4, 6])]);
    await program.dispose();
  });

  it.each<[string, Partial<Node>, RegExp]>([
    ["an operator that does not exist", { op: "Nonsense" }, /No Op registered for Nonsense/],
    [
      "an unknown attribute",
      { op: "Relu", attributes: { k: { type: "int", value: 1 } } },
      /attribute: k/,
    ],
    ["a value that nothing makes", { op: "Add", inputs: ["x", "nowhere"] }, /'nowhere'/],
    ["a missing input", { op: "MatMul" }, /input size 1/],
    ["a type that does not fit", { op: "Not" }, /tensor\(float\)/],
    ["a missing attribute", { op: "Concat" }, /'axis' is missing/],
    [
      "a shape that does not fit",
      { op: "Transpose", attributes: { perm: { type: "ints", value: [1, 0] } } },
      /perm/,
    ],
  ])("names the node: %s", async (_, part, text) => {
    const builder = new GraphBuilder();
    builder.input({ name: "x", dtype: "float32", shape: [2] });
    const op = part.op ?? "";
    builder.add({ op, name: "/layer/n", inputs: ["x"], outputs: ["y"], attributes: {}, ...part });
    builder.output({ name: "y", dtype: "float32", shape: [2] });
    const error = await failure(engine.compile(builder.build()));
    expect(error.place.node).toBe(`/layer/n (${op})`);
    expect(error.message).toMatch(text);
  });

  it("names the node that fails at run time", async () => {
    const builder = new GraphBuilder();
    const x = builder.input({ name: "x", dtype: "float32", shape: ["n"] });
    builder.add({
      op: "Reshape",
      name: "/layer/Reshape",
      inputs: [x, builder.ints([2, 2])],
      outputs: ["y"],
      attributes: {},
    });
    builder.output({ name: "y", dtype: "float32", shape: [2, 2] });
    const program = await engine.compile(builder.build());
    const error = await failure(program.run(new Map([["x", float32([3], [1, 2, 3])]])));
    expect(error.place.node).toBe("/layer/Reshape (Reshape)");
    await program.dispose();
  });

  it("names an input that is not fed, and refuses wrong types and bfloat16", async () => {
    const program = await engine.compile(product());
    const w = float32([2, 2], [1, 2, 3, 4]);
    expect((await failure(program.run(new Map([["w", w]])))).place.tensor).toBe("x");
    await failure(
      program.run(
        new Map<string, Tensor>([
          ["w", w],
          ["x", int64([1, 2], [1, 2])],
        ]),
      ),
    );
    await failure(
      program.run(
        new Map<string, Tensor>([
          ["w", w],
          ["x", tensorOf("bfloat16", [1, 2], new Uint16Array(2))],
        ]),
      ),
    );
    await program.dispose();
  });

  it("loads the libraries only to compile", async () => {
    const entry = "src/core/engines/onnxruntime.ts";
    const { metafile } = await build({
      entryPoints: [entry],
      bundle: true,
      platform: "node",
      packages: "external",
      write: false,
      metafile: true,
    });
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
    const libraries = imports.filter(({ path }) => path.startsWith("onnxruntime-"));
    expect(libraries.map(({ path, kind }) => `${path} ${kind}`).sort()).toEqual([
      "onnxruntime-node dynamic-import",
      "onnxruntime-web dynamic-import",
    ]);
  });

  it("refuses to run after dispose", async () => {
    const program = await engine.compile(identity("float32"));
    await program.dispose();
    await failure(program.run(new Map([["x", float32([1], [1])]])));
  });
});
