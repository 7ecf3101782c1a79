import { describe, expect, test } from "vitest";
import type { Engine, Values } from "../../../src/core/engines/engine.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import { type AttributeShorthand, GraphBuilder } from "../../../src/core/graph/builder.ts";
import type { Graph } from "../../../src/core/graph/graph.ts";
import { float32, type Shape, sizeOf, type Tensor } from "../../../src/core/graph/tensor.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import { splitDerived } from "../../../src/core/tracin/turned.ts";
import { openSynthetic } from "./golden.ts";

interface Case {
  readonly x: Shape;
  readonly w: Shape;
  readonly attributes: Readonly<Record<string, AttributeShorthand>>;
}

const base: Case = { x: [2, 4, 6, 5], w: [4, 5, 3, 2], attributes: {} };
/** Transposed convolutions that are convolutions with the weight turned. */
const turned: Record<string, Case> = {
  plain: base,
  "padded on all sides differently": { ...base, attributes: { pads: [1, 0, 2, 1] } },
  dilated: {
    ...base,
    attributes: { dilations: [2, 3], pads: [2, 1, 3, 2], output_padding: [1, 2] },
  },
  "in groups": { ...base, w: [4, 3, 3, 2], attributes: { group: 2, pads: [1, 1, 1, 0] } },
  "one channel in each group": { ...base, w: [4, 1, 3, 3], attributes: { group: 4 } },
  "with a kernel of 1 x 1": { ...base, w: [4, 2, 1, 1] },
  "to fewer channels, in whole blocks": { ...base, x: [1, 32, 4, 3], w: [32, 16, 3, 2] },
  "on one axis": { x: [2, 4, 9], w: [4, 4, 4], attributes: { pads: [2, 1] } },
  "on three axes": {
    x: [1, 2, 3, 4, 3],
    w: [2, 3, 2, 3, 2],
    attributes: { pads: [0, 1, 0, 1, 2, 0] },
  },
};
/** What stays as it is. */
const others: Record<string, Case> = {
  "to few channels": { ...base, w: [4, 3, 3, 2] },
  strided: { ...base, attributes: { strides: [2, 1] } },
  "padded by more than the kernel": { ...base, attributes: { pads: [3, 1, 2, 1] } },
  "padded by name": { ...base, attributes: { auto_pad: "SAME_UPPER" } },
};

/** Small integers without a pattern that a wrong axis would keep: every sum of products is exact. */
function integers(shape: Shape, phase: number): Tensor<"float32"> {
  return float32(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => Math.round(9 * Math.sin(phase + 1.7 * i))),
  );
}

async function run(graph: Graph, feeds: Values): Promise<Values> {
  return (await referenceEngine().compile(graph)).run(feeds);
}

async function computed({ x, w, attributes }: Case, derives: boolean) {
  const builder = new GraphBuilder();
  builder.initializer("x", integers(x, 1));
  builder.initializer("b", integers([(w[1] ?? 1) * Number(attributes["group"] ?? 1)], 3));
  builder.input({ name: "w", dtype: "float32", shape: w });
  const y = builder.op("ConvTranspose", ["x", "w", "b"], attributes);
  builder.output({ name: y, dtype: "float32", shape: [] });
  const type = () => ({ dtype: "float32", shape: w }) as const;
  const forward = { builder, graph: { ...builder.build(), nodes: [...builder.nodes] }, type };
  const { graph, derived } = splitDerived(forward, { derives, weights: ["w"] });
  const weights: Values = new Map([["w", integers(w, 2)]]);
  const made = derived === undefined ? [] : await run(derived, weights);
  const result = await run(graph, new Map([...weights, ...made]));
  return { ops: graph.nodes.map(({ op }) => op), y: result.get(y) };
}

describe("a transposed convolution", () => {
  test.each(Object.entries(turned))(
    "%s is a convolution with what is made of the weight",
    async (_, each) => {
      const plain = await computed(each, false);
      const split = await computed(each, true);
      expect(plain.ops).toEqual(["ConvTranspose"]);
      expect(split.ops).toEqual(["Conv"]);
      expect(split.y).toEqual(plain.y);
    },
  );

  test.each(Object.entries(others))("%s stays one", async (_, each) => {
    expect((await computed(each, true)).ops).toEqual(["ConvTranspose"]);
  });
});

test("turned weights are made once for each checkpoint, of its weights", async () => {
  const inner = onnxruntimeEngine();
  const fed: Values[] = [];
  let made = 0;
  const engine: Engine = {
    name: inner.name,
    async compile(graph, options) {
      const program = await inner.compile(graph, options);
      const isTurned = ({ name }: { readonly name: string }) => name.startsWith("tracin.turned.");
      return {
        ...program,
        run: (feeds) => {
          made += graph.outputs.some(isTurned) ? 1 : 0;
          if (graph.inputs.some(isTurned)) {
            fed.push(feeds);
          }
          return program.run(feeds);
        },
      };
    },
  };
  const { project, selection, train } = await openSynthetic("conv2d");
  const options = { engine, memoryLimit: 2 ** 30, layers: "all", batch: 2 } as const;
  const scorer = await Scorer.open(project, { ...options, weightsAsInputs: true });
  const range = { start: 0, end: train.length };
  await scorer.score(selection, chunksOf(range, 4096), () => undefined);
  const { derived, derivedFloats, queryFloats } = await scorer.plan(0);
  await scorer.close();
  const floats = (derived?.outputs ?? []).map(({ shape }) => sizeOf(shape.map(Number)));
  expect(floats.reduce((total, each) => total + each, 0)).toBe(derivedFloats);
  expect(queryFloats).toBe(0);
  expect(made).toBe(project.checkpoints.length);
  expect(fed.length).toBeGreaterThan(2 * project.checkpoints.length);
  const last = project.checkpoints.at(-1);
  const weights = last && (await project.readWeights(last));
  const [name = ""] = [...(fed.at(-1)?.keys() ?? [])].filter((key) =>
    key.startsWith("tracin.turned."),
  );
  const weight = weights?.get(name.replace(/^tracin\.turned\.1\./, ""));
  const [outputs = 1, channels = 1, ...kernel] = weight?.shape ?? [];
  const taps = sizeOf(kernel);
  const expected = Array.from({ length: outputs * channels * taps }, (_, flat) => {
    const [channel, output, tap] = [
      Math.floor(flat / (outputs * taps)),
      Math.floor(flat / taps) % outputs,
      flat % taps,
    ];
    return weight?.data[(output * channels + channel) * taps + taps - 1 - tap];
  });
  expect([...(fed.at(-1)?.get(name)?.data ?? [])]).toEqual(expected);
  expect(fed[0]?.get(name)?.data).not.toEqual(fed.at(-1)?.get(name)?.data);
});
