import { describe, expect, it } from "vitest";
import type { LossSpec } from "../../../src/core/config/project.ts";
import type { TargetForm } from "../../../src/core/datasets/target-form.ts";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import { float32, type Shape, sizeOf, type Tensor } from "../../../src/core/graph/tensor.ts";
import { appendLoss, targetInput, targetMaskInput } from "../../../src/core/tracin/loss/loss.ts";

const batch = 3;

/** Pseudo-random numbers in [0, 1), the same in every run. */
function draw(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Case {
  readonly loss: Omit<LossSpec, "output">;
  /** Of the logits or outputs, without the batch. */
  readonly shape: Shape;
  readonly positions: Shape;
  readonly classes?: number | undefined;
  readonly masked?: boolean;
  readonly reading?: TargetForm["reading"];
  /** Range of the outputs; -2 to 2 unless told. */
  readonly outputs?: readonly [number, number];
}

const softmax = { type: "softmax-cross-entropy", reduction: "sum" } as const;
const sigmoid = { type: "sigmoid-cross-entropy", reduction: "sum" } as const;
const weights = [0.5, 2, 0, 1.25];

const cases: Readonly<Record<string, Case>> = {
  "softmax of one label": { loss: softmax, shape: [4], positions: [], classes: 4 },
  "softmax of one label, weighted and smoothed": {
    loss: { ...softmax, weights, labelSmoothing: 0.2 },
    shape: [4],
    positions: [],
    classes: 4,
  },
  "softmax at tokens": { loss: softmax, shape: [5, 4], positions: [5], classes: 4 },
  "softmax at tokens, classes first, mean": {
    loss: { ...softmax, reduction: "mean" },
    shape: [4, 5],
    positions: [5],
    classes: 4,
  },
  "softmax at pixels, weighted mean, smoothed": {
    loss: { ...softmax, reduction: "mean", weights, labelSmoothing: 0.1 },
    shape: [4, 2, 3],
    positions: [2, 3],
    classes: 4,
  },
  "softmax at pixels, classes last": {
    loss: softmax,
    shape: [2, 3, 4],
    positions: [2, 3],
    classes: 4,
  },
  "softmax with classes between positions": {
    loss: { ...softmax, classAxis: 2, reduction: "mean" },
    shape: [2, 4, 3],
    positions: [2, 3],
    classes: 4,
  },
  "sigmoid of labels, weighted": {
    loss: { ...sigmoid, reduction: "mean", posWeight: [0.5, 2, 3] },
    shape: [3],
    positions: [3],
    reading: "probabilities",
  },
  "sigmoid at pixels, mean over those that count": {
    loss: { ...sigmoid, reduction: "mean", posWeight: 3, labelSmoothing: 0.1 },
    shape: [1, 2, 3],
    positions: [2, 3],
    masked: true,
  },
  "mean squared error of images": {
    loss: { type: "mse", reduction: "mean" },
    shape: [1, 2, 3],
    positions: [1, 2, 3],
    reading: "outputs",
  },
  "absolute error at tokens that count": {
    loss: { type: "mae", reduction: "mean" },
    shape: [5, 1],
    positions: [5],
    masked: true,
    reading: "outputs",
  },
  huber: {
    loss: { type: "huber", reduction: "sum", delta: 0.6 },
    shape: [7],
    positions: [7],
    reading: "values",
  },
  "smooth L1": {
    loss: { type: "smooth-l1", reduction: "mean", delta: 0.4 },
    shape: [7],
    positions: [7],
    reading: "values",
  },
  "focal at tokens, weighted and smoothed, mean": {
    loss: {
      ...softmax,
      reduction: "mean",
      weights,
      labelSmoothing: 0.2,
      gamma: 1.5,
      alpha: [1, 0.5, 2, 0.25],
    },
    shape: [5, 4],
    positions: [5],
    classes: 4,
  },
  "focal of one label, gamma below 1": {
    loss: { ...softmax, gamma: 0.5, alpha: 0.25 },
    shape: [4],
    positions: [],
    classes: 4,
  },
  "alpha alone at pixels, classes first": {
    loss: { ...softmax, alpha: 0.25, labelSmoothing: 0.1 },
    shape: [4, 2, 3],
    positions: [2, 3],
    classes: 4,
  },
  "focal of labels, weighted and smoothed": {
    loss: { ...sigmoid, posWeight: [0.5, 2, 3], labelSmoothing: 0.1, gamma: 2, alpha: 0.3 },
    shape: [3],
    positions: [3],
    reading: "probabilities",
  },
  "categorical hinge at tokens, mean": {
    loss: { type: "categorical-hinge", reduction: "mean" },
    shape: [5, 4],
    positions: [5],
    classes: 4,
  },
  "multi-margin at pixels, weighted, squared": {
    loss: { type: "multi-margin", reduction: "mean", weights, margin: 0.7, power: 2 },
    shape: [4, 2, 3],
    positions: [2, 3],
    classes: 4,
  },
  "multi-margin of one label": {
    loss: { type: "multi-margin", reduction: "sum" },
    shape: [4],
    positions: [],
    classes: 4,
  },
  "hinge at positions that count": {
    loss: { type: "hinge", reduction: "mean" },
    shape: [5, 1],
    positions: [5],
    masked: true,
  },
  "squared hinge": {
    loss: { type: "squared-hinge", reduction: "sum" },
    shape: [6],
    positions: [6],
    reading: "probabilities",
  },
  ...Object.fromEntries(
    (["log-cosh", "mape", "msle", "poisson", "kl-divergence", "cosine-similarity"] as const).map(
      (type) => [
        type,
        {
          loss: { type, reduction: "mean" },
          shape: [2, 5],
          positions: [2, 5],
          masked: true,
          reading: "outputs",
          // Inside of what Keras clips to.
          outputs: [0.1, 0.9],
        } satisfies Case,
      ],
    ),
  ),
  "poisson of logarithms": {
    loss: { type: "poisson", reduction: "sum", logInput: true },
    shape: [7],
    positions: [7],
    reading: "values",
  },
  "kl-divergence of logarithms": {
    loss: { type: "kl-divergence", reduction: "mean", logInput: true },
    shape: [7],
    positions: [7],
    reading: "values",
  },
};

/** Nothing of the second example counts, where that can be. */
function targetsOf({ positions, classes, masked, outputs }: Case) {
  const next = draw(7);
  const shape = [batch, ...positions];
  const width = sizeOf(positions);
  const empty = (place: number) => Math.floor(place / width) === 1;
  const data = Array.from({ length: batch * width }, (_, place) => {
    const isIgnored = next() < 0.25 || empty(place);
    const value = next();
    return { isIgnored, value };
  });
  if (classes !== undefined) {
    const labels = data.map(({ isIgnored, value }, place) =>
      (isIgnored && positions.length > 0) || empty(place) ? -1 : Math.floor(value * classes),
    );
    const targets: Tensor = { dtype: "int32", shape, data: Int32Array.from(labels) };
    return { targets, mask: undefined };
  }
  return {
    targets: float32(
      shape,
      data.map(({ value }) => (outputs === undefined ? Math.round(value) : 0.1 + value)),
    ),
    mask: float32(
      shape,
      data.map(({ isIgnored }) => (masked && isIgnored ? 0 : 1)),
    ),
  };
}

async function program(one: Case) {
  const { loss, shape, positions, classes, masked = false, reading = "positions" } = one;
  const { targets, mask } = targetsOf(one);
  const builder = new GraphBuilder();
  const whole = [batch, ...shape];
  builder.input({ name: "z", dtype: "float64", shape: whole });
  const values = appendLoss({
    builder,
    loss: { ...loss, output: "z" },
    output: "z",
    shape: whole,
    batch,
    target: {
      dtype: targets.dtype,
      shape: positions,
      masked,
      reading: classes !== undefined && positions.length === 0 ? "probabilities" : reading,
    },
    type: () => ({ dtype: "float64", shape: whole }),
  });
  const more = values.positions?.();
  for (const name of [
    values.loss,
    values.seed,
    values.prediction?.value,
    more?.loss,
    more?.predicted,
  ]) {
    if (name !== undefined) {
      builder.output({ name, dtype: "float64", shape: [] });
    }
  }
  const compiled = await referenceEngine().compile(builder.build());
  return async (z: Float64Array) => {
    const feeds = new Map<string, Tensor>([
      ["z", { dtype: "float64", shape: whole, data: z }],
      [targetInput, targets],
      ...(mask === undefined ? [] : [[targetMaskInput, mask] as const]),
    ]);
    const results = await compiled.run(feeds);
    const read = (name: string | undefined) =>
      Array.from(results.get(name ?? "")?.data ?? [], Number);
    return {
      loss: read(values.loss),
      seed: read(values.seed),
      prediction: read(values.prediction?.value),
      positionLoss: read(more?.loss),
      predicted: read(more?.predicted),
    };
  };
}

describe("the gradient of each loss is that of its differences", () => {
  it.each(Object.keys(cases))("%s", async (name) => {
    const one = cases[name] as Case;
    const run = await program(one);
    const next = draw(3);
    const size = batch * sizeOf(one.shape);
    const [least, most] = one.outputs ?? [-2, 2];
    const z = Float64Array.from({ length: size }, () => least + (most - least) * next());
    const { seed, loss } = await run(z);
    expect(seed).toHaveLength(size);
    expect(Math.max(...seed.map(Math.abs))).toBeGreaterThan(0.05);
    const step = 1e-5;
    const width = size / batch;
    for (let at = 0; at < size; at++) {
      const [above, below] = await Promise.all(
        [step, -step].map((by) =>
          run(z.map((value, index) => (index === at ? value + by : value))),
        ),
      );
      const row = Math.floor(at / width);
      above?.loss.forEach((value, other) => {
        // An example's loss depends on its own outputs alone.
        const slope = (value - (below?.loss[other] ?? 0)) / (2 * step);
        expect(Math.abs(slope - (other === row ? (seed[at] ?? 0) : 0))).toBeLessThan(1e-6);
      });
    }
    if (one.classes !== undefined || one.masked) {
      expect(loss[1]).toBe(0);
      expect(seed.slice(width, 2 * width).every((value) => Math.abs(value) === 0)).toBe(true);
    }
  });
});

it("what is known of positions: how many count, how many are wrong, their mean loss", async () => {
  const run = await program(cases["softmax at tokens"] as Case);
  const next = draw(11);
  const z = Float64Array.from({ length: batch * 20 }, () => 4 * next() - 2);
  const { targets } = targetsOf(cases["softmax at tokens"] as Case);
  const { prediction, positionLoss, predicted, loss } = await run(z);
  for (let row = 0; row < batch; row++) {
    const places = Array.from({ length: 5 }, (_, index) => row * 5 + index);
    const counted = places.filter((place) => Number(targets.data[place]) >= 0);
    const best = (place: number) => {
      const line = z.subarray(place * 4, place * 4 + 4);
      return line.indexOf(Math.max(...line));
    };
    const wrong = counted.filter((place) => best(place) !== Number(targets.data[place]));
    const sum = counted.reduce((total, place) => total + (positionLoss[place] ?? 0), 0);
    expect(prediction.slice(row * 3, row * 3 + 2)).toEqual([counted.length, wrong.length]);
    expect(prediction[row * 3 + 2]).toBeCloseTo(sum / Math.max(1, counted.length), 12);
    expect(loss[row]).toBeCloseTo(sum, 12);
    expect(places.map((place) => predicted[place])).toEqual(places.map(best));
  }
  expect(prediction.slice(3, 6)).toEqual([0, 0, 0]);
});

describe("losses that do not fit are refused", () => {
  it.each<[string, Partial<Case>, RegExp]>([
    [
      "weights that are not as many as classes",
      { loss: { ...softmax, weights: [1, 2] } },
      /2 numbers for the model's 4 classes/,
    ],
    [
      "a weighted mean over one label",
      { loss: { ...softmax, weights, reduction: "mean" }, shape: [4], positions: [] },
      /is the loss without weights/,
    ],
    ["targets of another length", { positions: [6] }, /Logits and targets do not fit/],
    [
      "targets of another size",
      { loss: { type: "mse", reduction: "sum" }, classes: undefined, positions: [2, 3] },
      /"z" gives \[5, 4\] for an example, its target has \[2, 3\]/,
    ],
    [
      "factors of a focal loss that are not as many as classes",
      { loss: { ...softmax, gamma: 2, alpha: [1, 2] } },
      /"alpha" in loss has 2 numbers for the model's 4 classes/,
    ],
    [
      "a factor for each label of a focal loss",
      {
        loss: { ...sigmoid, gamma: 2, alpha: [1, 2] },
        classes: undefined,
        positions: [5, 4],
      },
      /"alpha" in loss is a list/,
    ],
    [
      "weights of labels that are not as many as the labels",
      { loss: { ...sigmoid, posWeight: [1, 2, 3] }, classes: undefined, positions: [5, 4] },
      /"posWeight" in loss has 3 numbers/,
    ],
  ])("%s", async (_, more, message) => {
    const one = { ...(cases["softmax at tokens"] as Case), ...more } as Case;
    await expect(program(one)).rejects.toThrow(message);
  });
});
