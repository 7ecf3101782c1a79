import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { GraphBuilder } from "../../src/core/graph/builder.ts";
import type { Graph } from "../../src/core/graph/graph.ts";
import { encodeGraph } from "../../src/core/graph/onnx.ts";
import { float32, sizeOf, type Tensor } from "../../src/core/graph/tensor.ts";
import { normal, uniform } from "./random.ts";

export type Architecture = "mlp" | "cnn";

/** One of the workloads that need no PyTorch. */
export interface Workload {
  readonly architecture: Architecture;
  readonly examples: number;
  readonly queries: number;
  readonly checkpoints: number;
  /** Width of the first hidden layer of the MLP; the second is half as wide. 128 unless told. */
  readonly hidden?: number;
}

type Shapes = Readonly<Record<string, readonly number[]>>;

const cnnShapes: Shapes = {
  "conv1.weight": [16, 1, 3, 3],
  "conv1.bias": [16],
  "conv2.weight": [32, 16, 3, 3],
  "conv2.bias": [32],
  "fc.weight": [10, 1568],
  "fc.bias": [10],
};

function mlpShapes(hidden: number): Shapes {
  const half = hidden / 2;
  return {
    "fc1.weight": [hidden, 784],
    "fc1.bias": [hidden],
    "fc2.weight": [half, hidden],
    "fc2.bias": [half],
    "fc3.weight": [10, half],
    "fc3.bias": [10],
  };
}

/**
 * Writes a workspace (`tracin.json`, model, checkpoints, data) into a folder, in the form that the peers read too
 * (test/bench/peers/README.md). Weights are drawn, not trained: time does not depend on them.
 */
export function writeWorkspace(folder: string, workload: Workload): void {
  mkdirSync(folder, { recursive: true });
  const { architecture, examples, queries, checkpoints, hidden = 128 } = workload;
  const shapes = architecture === "mlp" ? mlpShapes(hidden) : cnnShapes;
  const digits = readDigits(examples + queries);
  writeDigits(folder, "train", digits.slice(0, examples));
  writeDigits(folder, "query", digits.slice(examples));
  const draw = normal(uniform(1));
  const rates = Array.from({ length: checkpoints }, () => 0.1);
  for (let index = 1; index <= checkpoints; index++) {
    writeSafetensors(join(folder, `checkpoint-${index}.safetensors`), weightsOf(shapes, draw));
  }
  writeFileSync(
    join(folder, "model.onnx"),
    encodeGraph(modelOf(architecture, weightsOf(shapes, draw))),
  );
  writeFileSync(join(folder, "bench.json"), JSON.stringify({ learningRates: rates }));
  const config = {
    model: "model.onnx",
    checkpoints: { files: "checkpoint-*.safetensors", learningRate: rates },
    loss: "softmax-cross-entropy",
    data: {
      train: { npy: { x: "train_x.npy", y: "train_y.npy" }, target: "y" },
      query: { npy: { x: "query_x.npy", y: "query_y.npy" }, target: "y" },
    },
    features: { x: { array: "x" } },
  };
  writeFileSync(join(folder, "tracin.json"), `${JSON.stringify(config, null, 2)}\n`);
}

interface Digit {
  readonly label: number;
  readonly pixels: Float32Array;
}

/** Digits of the npm package, classes in turn. */
function readDigits(count: number): Digit[] {
  const require = createRequire(join(process.cwd(), "test/bench/package.json"));
  const classes = Array.from({ length: 10 }, (_, label) => {
    const path = require.resolve(`mnist/src/digits/${label}.json`);
    return (JSON.parse(readFileSync(path, "utf8")) as { data: number[] }).data;
  });
  const available = Math.min(...classes.map((data) => Math.floor(data.length / 784)));
  return Array.from({ length: count }, (_, index) => {
    const label = index % 10;
    const at = Math.floor(index / 10) % available;
    const data = classes[label] as number[];
    return { label, pixels: Float32Array.from(data.slice(at * 784, (at + 1) * 784)) };
  });
}

function writeDigits(folder: string, name: string, digits: readonly Digit[]): void {
  const pixels = new Float32Array(digits.length * 784);
  digits.forEach((digit, index) => {
    pixels.set(digit.pixels, index * 784);
  });
  const labels = BigInt64Array.from(digits, (digit) => BigInt(digit.label));
  writeArray(join(folder, `${name}_x.npy`), "<f4", [digits.length, 784], pixels);
  writeArray(join(folder, `${name}_y.npy`), "<i8", [digits.length], labels);
}

function writeArray(
  path: string,
  type: string,
  shape: readonly number[],
  data: Float32Array | BigInt64Array,
): void {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const header = `${text.padEnd(117)}\n`;
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
  writeFileSync(path, Buffer.concat([start, Buffer.from(header), new Uint8Array(data.buffer)]));
}

function weightsOf(shapes: Shapes, draw: () => number): Map<string, Tensor> {
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const spread = Math.sqrt(2 / Math.max(1, sizeOf(shape.slice(1))));
      const data = Float32Array.from({ length: sizeOf(shape) }, () => spread * draw());
      return [name, float32(shape, data)];
    }),
  );
}

function writeSafetensors(path: string, tensors: ReadonlyMap<string, Tensor>): void {
  let offset = 0;
  const header: Record<string, unknown> = {};
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const bytes = [...tensors.values()].map(({ data }) => new Uint8Array(data.buffer));
  writeFileSync(path, Buffer.concat([length, json, ...bytes]));
}

function modelOf(architecture: Architecture, weights: ReadonlyMap<string, Tensor>): Graph {
  const builder = new GraphBuilder();
  for (const [name, tensor] of weights) {
    builder.initializer(name, tensor);
  }
  let x = builder.input({ name: "x", dtype: "float32", shape: ["batch", 784] });
  const dense = (name: string) =>
    builder.op("Gemm", [x, `${name}.weight`, `${name}.bias`], { transB: 1 });
  if (architecture === "mlp") {
    x = builder.op("Relu", [dense("fc1")]);
    x = builder.op("Relu", [dense("fc2")]);
    x = dense("fc3");
  } else {
    x = builder.reshape(x, [-1, 1, 28, 28]);
    for (const name of ["conv1", "conv2"]) {
      const conv = builder.op("Conv", [x, `${name}.weight`, `${name}.bias`], {
        kernel_shape: [3, 3],
        pads: [1, 1, 1, 1],
      });
      x = builder.op("MaxPool", [builder.op("Relu", [conv])], {
        kernel_shape: [2, 2],
        strides: [2, 2],
      });
    }
    x = builder.op("Flatten", [x], { axis: 1 });
    x = dense("fc");
  }
  builder.add({ op: "Identity", name: "logits", inputs: [x], outputs: ["logits"], attributes: {} });
  builder.output({ name: "logits", dtype: "float32", shape: ["batch", 10] });
  return builder.build();
}
