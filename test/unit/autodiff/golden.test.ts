import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { differentiate } from "../../../src/core/autodiff/differentiate.ts";
import type { Engine } from "../../../src/core/engines/engine.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import { tensorflowEngine } from "../../../src/core/engines/tensorflow/engine.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import type { Node } from "../../../src/core/graph/graph.ts";
import { float32, int64, type Tensor, toNumbers } from "../../../src/core/graph/tensor.ts";
import { testTensorFlow } from "../support/tensorflow.ts";
import { float64, typesOf } from "./harness.ts";

/** As test/golden/autodiff.py writes it. */
interface StoredTensor {
  readonly dtype: "float64" | "int64";
  readonly shape: readonly number[];
  readonly data: string;
}
interface StoredCase {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly values: Readonly<Record<string, StoredTensor>>;
  readonly seed: StoredTensor;
  readonly y: StoredTensor;
  readonly gradients: Readonly<Record<string, StoredTensor>>;
}

const file = new URL("../golden/autodiff/cases.json.gz", import.meta.url);
const cases: readonly StoredCase[] = JSON.parse(gunzipSync(readFileSync(file)).toString());

describe("gradients of whole graphs against PyTorch autograd", () => {
  test.each(cases.map((each) => [each.name, each] as const))(
    "%s, in double precision",
    async (_, each) => {
      // Both sides are float64; sums of a few hundred terms in another order differ by about 1e-14.
      await compare(each, referenceEngine(), restore, 1e-9);
    },
  );

  test.each(cases.map((each) => [each.name, each] as const))(
    "%s, by onnxruntime in single precision",
    async (_, each) => {
      // float32 has 6e-8; the softmax and norm cases lose two digits of it.
      await compare(each, onnxruntimeEngine(), (stored) => single(restore(stored)), 2e-5);
    },
  );

  test.each(cases.map((each) => [each.name, each] as const))(
    "%s, by TensorFlow.js in single precision",
    async (_, each) => {
      const engine = tensorflowEngine(testTensorFlow());
      await compare(each, engine, (stored) => single(restore(stored)), 2e-5);
    },
  );
});

/** Every output and gradient agrees within `tolerance` of its largest element. */
async function compare(
  each: StoredCase,
  engine: Engine,
  read: (stored: StoredTensor) => Tensor,
  tolerance: number,
): Promise<void> {
  const builder = new GraphBuilder();
  for (const [name, stored] of Object.entries(each.values)) {
    builder.initializer(name, read(stored));
  }
  for (const node of each.nodes) {
    builder.add(node);
  }
  const forward = builder.build();
  const { dtype } = read(each.seed);
  const types = await typesOf(forward);
  const type = (value: string) => {
    const found = types(value);
    return found.dtype === "float64" ? { ...found, dtype } : found;
  };
  const whole = new GraphBuilder(forward);
  const seed = whole.initializer("seed", read(each.seed));
  const wanted = Object.keys(each.gradients);
  const gradients = differentiate(whole, forward, type, new Map([["y", seed]]), wanted);
  expect([...gradients.keys()]).toEqual(wanted);
  for (const name of ["y", ...gradients.values()]) {
    whole.output({ name, dtype, shape: type("y").shape });
  }
  const program = await engine.compile(whole.build());
  const results = await program.run(new Map());
  await program.dispose();
  expectClose(results.get("y"), each.y, tolerance, "y");
  for (const [name, gradient] of gradients) {
    expectClose(results.get(gradient), each.gradients[name], tolerance, name);
  }
}

function expectClose(
  found: Tensor | undefined,
  stored: StoredTensor | undefined,
  tolerance: number,
  name: string,
): void {
  expect(found?.shape, name).toEqual(stored?.shape);
  const wanted = stored === undefined ? [] : toNumbers(restore(stored));
  const largest = Math.max(...wanted.map(Math.abs));
  const worst = wanted.reduce(
    (most, element, index) => Math.max(most, Math.abs(element - Number(found?.data[index]))),
    0,
  );
  expect(worst / largest, name).toBeLessThan(tolerance);
}

function restore({ dtype, shape, data }: StoredTensor): Tensor<"float64" | "int64"> {
  const { buffer } = Uint8Array.from(Buffer.from(data, "base64"));
  return dtype === "int64"
    ? int64(shape, Array.from(new BigInt64Array(buffer), Number))
    : float64(shape, new Float64Array(buffer));
}

function single(tensor: Tensor<"float64" | "int64">): Tensor {
  return tensor.dtype === "int64" ? tensor : float32(tensor.shape, tensor.data);
}
