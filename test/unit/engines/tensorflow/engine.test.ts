import { describe, expect, test } from "vitest";
import type { Values } from "../../../../src/core/engines/engine.ts";
import { tensorflowEngine } from "../../../../src/core/engines/tensorflow/engine.ts";
import type { TensorFlow } from "../../../../src/core/engines/tensorflow/value.ts";
import { TracInError } from "../../../../src/core/errors.ts";
import { GraphBuilder } from "../../../../src/core/graph/builder.ts";
import type { Graph } from "../../../../src/core/graph/graph.ts";
import { float32, int64, type Tensor, tensorOf } from "../../../../src/core/graph/tensor.ts";
import { testTensorFlow } from "../../support/tensorflow.ts";

const tf = testTensorFlow();
const engine = tensorflowEngine(tf);

/** x w + b, then the rows of the result that `rows` names, and their number. */
function graph(): Graph {
  const builder = new GraphBuilder();
  const x = builder.input({ name: "x", dtype: "float32", shape: ["batch", 2] });
  const w = builder.input({ name: "w", dtype: "float32", shape: [2, 3] });
  const rows = builder.input({ name: "rows", dtype: "int64", shape: ["n"] });
  const b = builder.initializer("b", float32([3], [1, 2, 3]));
  const y = builder.op("Gather", [builder.add2(builder.matmul(x, w), b), rows]);
  const sizes = builder.op("Shape", [y]);
  const flat = builder.op("Reshape", [y, builder.op("ReduceProd", [sizes], { keepdims: 1 })]);
  builder.output({ name: flat, dtype: "float32", shape: ["k"] });
  builder.output({ name: sizes, dtype: "int64", shape: [2] });
  return builder.build();
}

const w = float32([2, 3], [1, 2, 3, 4, 5, 6]);

function feeds(weights = w): Values {
  return new Map<string, Tensor>([
    ["x", float32([2, 2], [1, 0, 0, 1])],
    ["w", weights],
    ["rows", int64([3], [1, -2, 1])],
  ]);
}

async function failure(promise: Promise<unknown>): Promise<TracInError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof TracInError)) {
    throw new Error(`expected a TracInError, got ${String(error)}`);
  }
  return error;
}

/** The tfjs of the tests, with its uploads counted. */
function counting(): { tf: TensorFlow; uploads: () => number } {
  let count = 0;
  const tensor: TensorFlow["tensor"] = (...args) => {
    count++;
    return tf.tensor(...args);
  };
  return { tf: { ...tf, tensor }, uploads: () => count };
}

test(`computes on the backend ${tf.getBackend()}`, () => {
  const isNative = process.env["TRACIN_TEST_TENSORFLOW"] !== undefined;
  expect(tf.getBackend()).toBe(isNative ? "tensorflow" : "cpu");
});

describe("the TensorFlow engine", () => {
  test("computes floats on the device and sizes on the host", async () => {
    const program = await engine.compile(graph());
    const [flat, sizes] = [...(await program.run(feeds())).values()];
    expect([...(flat?.data ?? [])]).toEqual([5, 7, 9, 2, 4, 6, 5, 7, 9]);
    expect(sizes).toEqual(int64([2], [3, 3]));
    await program.dispose();
  });

  test("holds nothing after a thousand runs", async () => {
    const before = tf.memory().numTensors;
    const program = await engine.compile(graph());
    await program.run(feeds());
    const { numTensors, numBytes } = tf.memory();
    for (let run = 0; run < 1000; run++) {
      await program.run(feeds());
    }
    expect(tf.memory()).toMatchObject({ numTensors, numBytes });
    await program.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test("uploads the weights of a checkpoint once for all its batches, and for all programs", async () => {
    const { tf: counted, uploads } = counting();
    const own = tensorflowEngine(counted);
    const [one, two] = [await own.compile(graph()), await own.compile(graph())];
    const first = feeds();
    await one.run(first);
    const initial = uploads();
    await one.run(first);
    expect(uploads()).toBe(initial);
    // The other program has its own bias and nothing else.
    await two.run(first);
    expect(uploads()).toBe(initial + 1);
    // Another batch: x and rows anew. Another checkpoint: w too.
    await one.run(feeds());
    expect(uploads()).toBe(initial + 1 + 2);
    await one.run(feeds(float32([2, 3], w.data)));
    expect(uploads()).toBe(initial + 1 + 2 + 3);
    await one.dispose();
    await two.dispose();
  });

  test("frees everything when an operator fails, and names its node", async () => {
    const program = await engine.compile(graph());
    await program.run(feeds());
    const { numTensors } = tf.memory();
    const wrong = new Map(feeds()).set("rows", int64([3], [1, 2, 1]));
    const error = await failure(program.run(wrong));
    expect(error.kind).toBe("engine");
    expect(error.describe()).toMatch(/Gather .*the index 2 is not below 2 \(.*node Gather\.\d+/);
    await program.run(feeds());
    expect(tf.memory().numTensors).toBe(numTensors);
    await program.dispose();
  });

  test("names the node when tfjs throws", async () => {
    const builder = new GraphBuilder();
    const x = builder.input({ name: "x", dtype: "float32", shape: ["a"] });
    const y = builder.input({ name: "y", dtype: "float32", shape: ["b"] });
    builder.output({ name: builder.add2(x, y), dtype: "float32", shape: ["a"] });
    const program = await engine.compile(builder.build());
    const wrong = new Map([
      ["x", float32([2], [1, 2])],
      ["y", float32([3], [1, 2, 3])],
    ]);
    const error = await failure(program.run(wrong));
    expect(error.place.node).toMatch(/^Add\.\d+ \(Add\)$/);
    await program.dispose();
  });

  test("an output may be an input, a weight or the same value twice", async () => {
    const builder = new GraphBuilder();
    const x = builder.input({ name: "x", dtype: "float32", shape: [1] });
    const b = builder.initializer("b", float32([1], [7]));
    const twice = builder.op("Identity", [builder.op("Identity", [x])]);
    for (const name of [x, b, twice]) {
      builder.output({ name, dtype: "float32", shape: [1] });
    }
    const before = tf.memory().numTensors;
    const program = await engine.compile(builder.build());
    const results = await program.run(new Map([["x", float32([1], [3])]]));
    expect([...results.values()].map(({ data }) => data[0])).toEqual([3, 7, 3]);
    await program.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test("integers stay exact beyond 32 bits on the host, and are refused on the device", async () => {
    const builder = new GraphBuilder();
    const ids = builder.input({ name: "ids", dtype: "int64", shape: ["n"] });
    const sum = builder.add2(ids, builder.ints([1]));
    builder.output({ name: sum, dtype: "int64", shape: ["n"] });
    const program = await engine.compile(builder.build());
    const results = await program.run(new Map([["ids", int64([1], [2 ** 40])]]));
    expect(results.get(sum)).toEqual(int64([1], [2 ** 40 + 1]));
    await program.dispose();

    const other = new GraphBuilder();
    const many = other.input({ name: "ids", dtype: "int64", shape: ["n"] });
    other.output({ name: other.op("Equal", [many, other.ints([3])]), dtype: "bool", shape: ["n"] });
    const large = await engine.compile(other.build());
    const data = Array.from({ length: 2000 }, () => 2 ** 31);
    const error = await failure(large.run(new Map([["ids", int64([2000], data)]])));
    expect(error.describe()).toMatch(/2147483648 is beyond the 32 bits .*Equal.*"onnxruntime"/);
    await large.dispose();
  });

  test("refuses doubles, but for a few", async () => {
    const builder = new GraphBuilder();
    const x = builder.input({ name: "x", dtype: "float64", shape: ["n"] });
    const half = builder.constant(tensorOf("float64", [1], Float64Array.of(0.5)));
    const half32 = builder.op("Cast", [builder.mul(x, half)], { to: 1 });
    builder.output({ name: half32, dtype: "float32", shape: ["n"] });
    const program = await engine.compile(builder.build());
    const run = (size: number) =>
      program.run(new Map([["x", tensorOf("float64", [size], new Float64Array(size).fill(3))]]));
    expect((await run(2)).get(half32)).toEqual(float32([2], [1.5, 1.5]));
    const error = await failure(run(5000));
    expect(error.describe()).toMatch(
      /float64; TensorFlow.js computes in float32 .*Mul.*"onnxruntime"/,
    );
    await program.dispose();
  });

  test("refuses an operator that it does not know, when it compiles", async () => {
    const builder = new GraphBuilder();
    const x = builder.input({ name: "x", dtype: "float32", shape: [1] });
    builder.output({ name: builder.op("Det", [x]), dtype: "float32", shape: [1] });
    const error = await failure(engine.compile(builder.build()));
    expect(error.describe()).toMatch(/does not know the operator Det .*"onnxruntime"/);
  });
});
