import { readFileSync } from "node:fs";
import type { Values } from "../../../src/core/engines/engine.ts";
import { float32, int64, type Tensor, tensorOf } from "../../../src/core/graph/tensor.ts";
import { importOnnx } from "../../../src/core/models/onnx.ts";

const folder = new URL("../golden/onnx/", import.meta.url);

interface GoldenTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** What test/golden/onnx_models.py writes beside each model. */
export interface Golden {
  readonly parameters: readonly string[];
  readonly buffers: readonly string[];
  readonly cases: readonly {
    readonly batch: number;
    readonly inputs: Readonly<Record<string, GoldenTensor>>;
    readonly output: GoldenTensor;
  }[];
}

export function readModelBytes(name: string): Uint8Array {
  return readFileSync(new URL(`${name}.onnx`, folder));
}

export function readModel(name: string): ReturnType<typeof importOnnx> {
  return importOnnx(readModelBytes(name), `${name}.onnx`);
}

export function readGolden(name: string): Golden {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
}

export function toTensor({ dtype, shape, data }: GoldenTensor): Tensor {
  if (dtype === "int64") {
    return int64(shape, data);
  }
  return dtype === "bool"
    ? tensorOf("bool", shape, Uint8Array.from(data, Number))
    : float32(shape, data);
}

/** The inputs of a golden case as feeds. */
export function feedsOf(inputs: Golden["cases"][number]["inputs"]): Values {
  return new Map(Object.entries(inputs).map(([name, tensor]) => [name, toTensor(tensor)]));
}

/** Feeds for any batch size: the examples of the largest golden case, repeated. */
export function feedMaker(golden: Golden): (batch: number) => Values {
  const largest = golden.cases.reduce((a, b) => (a.batch > b.batch ? a : b));
  return (batch) =>
    feedsOf(
      Object.fromEntries(
        Object.entries(largest.inputs).map(([name, { dtype, shape, data }]) => {
          const size = data.length / largest.batch;
          const rows = Array.from({ length: batch }, (_, row) => {
            const start = (row % largest.batch) * size;
            return data.slice(start, start + size);
          });
          return [name, { dtype, shape: [batch, ...shape.slice(1)], data: rows.flat() }];
        }),
      ),
    );
}
