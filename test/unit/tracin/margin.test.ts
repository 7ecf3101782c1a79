import { expect, test } from "vitest";
import type { Project } from "../../../src/core/config/project.ts";
import { trainingData } from "../../../src/core/config/project.ts";
import type { Engine } from "../../../src/core/engines/engine.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { tensorflowEngine } from "../../../src/core/engines/tensorflow/engine.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { testTensorFlow } from "../support/tensorflow.ts";
import { type Golden, openSampleGolden, openSynthetic } from "./golden.ts";

/** Probabilities of float32 logits of size 1 to 10. */
const tolerance = 2e-5;

/** Margins of the first `end` training examples, [C, end]. */
async function marginsOf(project: Project, engine: Engine, end: number): Promise<Float32Array> {
  const scorer = await Scorer.open(project, { engine, memoryLimit: 2 ** 30, layers: "all" });
  const chunks: ScoreChunk[] = [];
  await scorer.score([], chunksOf({ start: 0, end }, end), (chunk) => void chunks.push(chunk));
  await scorer.close();
  return chunks[0]?.margins ?? new Float32Array(0);
}

/** The margin from PyTorch's probabilities and the targets, written out. */
function reference(
  isOne: boolean,
  target: readonly number[],
  probability: readonly number[],
): number {
  if (isOne) {
    const [label = -1] = target;
    const others = probability.filter((_, c) => c !== label);
    return label < 0 ? Number.NaN : (probability[label] ?? 0) - Math.max(...others);
  }
  return Math.min(...probability.map((p, o) => ((target[o] ?? 0) > 0.5 ? p - (1 - p) : 1 - p - p)));
}

async function compare(golden: Golden, engine: Engine): Promise<void> {
  const { project, train } = golden;
  const end = Math.max(...train) + 1;
  const margins = await marginsOf(project, engine, end);
  const C = project.checkpoints.length;
  const { targets } = await project.encoder.encode(trainingData(project), 0, end);
  const { data, shape } = golden.expected("predictions");
  const [rows = 0, width = 0] = shape;
  const isOne = project.loss.type === "softmax-cross-entropy";
  const each = targets.data.length / end;
  for (let row = 0; row < rows; row++) {
    const example = train[row] ?? 0;
    const target = Array.from(
      targets.data.slice(example * each, (example + 1) * each) as ArrayLike<number | bigint>,
      Number,
    );
    const wanted = reference(isOne, target, [...data.subarray(row * width, (row + 1) * width)]);
    const found = margins[(C - 1) * end + example] ?? Number.NaN;
    if (Number.isNaN(wanted)) {
      expect(found).toBeNaN();
    } else {
      expect(Math.abs(found - wanted), `example ${example}`).toBeLessThan(tolerance);
    }
  }
}

const names = [
  "activations",
  "class-probabilities",
  "confident",
  "loss-labels-weighted",
  "loss-one-label-weighted",
  "multi-label-mean",
  "probabilities",
];

test.each(names)("margins agree with PyTorch's probabilities: %s", async (name) => {
  await compare(await openSynthetic(name), onnxruntimeEngine());
  await compare(await openSynthetic(name), tensorflowEngine(testTensorFlow()));
});

test("margins of a sample agree with PyTorch's probabilities", async () => {
  const golden = await openSampleGolden("sample-iris");
  await compare(golden, onnxruntimeEngine());
  await golden.project.close();
});

test("each checkpoint has margins of its own", async () => {
  const { project, train } = await openSynthetic("activations");
  const end = train.length;
  const margins = await marginsOf(project, onnxruntimeEngine(), end);
  const turned = { ...project, checkpoints: project.checkpoints.toReversed() };
  const reversed = await marginsOf(turned, onnxruntimeEngine(), end);
  const last = project.checkpoints.length - 1;
  expect([...margins.subarray(0, end)]).toEqual([...reversed.subarray(last * end)]);
  expect([...margins.subarray(0, end)]).not.toEqual([...margins.subarray(last * end)]);
});

test.each(["loss-tokens", "loss-mask", "loss-mae", "loss-output", "mse-mean"])(
  "%s has no margins",
  async (name) => {
    const { project, train } = await openSynthetic(name);
    expect(await marginsOf(project, onnxruntimeEngine(), train.length)).toHaveLength(0);
  },
);
