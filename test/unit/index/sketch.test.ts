import { describe, expect, it, test } from "vitest";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import { float32, type Tensor } from "../../../src/core/graph/tensor.ts";
import { type IndexKind, IndexPrograms } from "../../../src/core/index/programs.ts";
import { randomSample, randomSigns } from "../../../src/core/index/random.ts";
import { drawSketch } from "../../../src/core/index/sketch.ts";
import { groupWeight } from "../../../src/core/index/sketch-graph.ts";
import { outputs } from "../../../src/core/tracin/outputs.ts";
import { feedsOf } from "../../../src/core/tracin/questions.ts";
import { floats } from "../../../src/core/tracin/rows.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import { type Golden, openSynthetic, syntheticNames } from "../tracin/golden.ts";

/** Everything of a golden that an index computes with, and the exact unweighted products of PyTorch autograd. */
async function open(golden: Golden) {
  const { project, train } = golden;
  const engine = onnxruntimeEngine();
  const scorer = await Scorer.open(project, { engine, memoryLimit: 2 ** 30, layers: "all" });
  const programs = new IndexPrograms(engine, referenceEngine(), scorer.model);
  const { feeds } = await scorer.resolve(golden.selection);
  const dataset = project.datasets.get("train");
  if (dataset === undefined) {
    throw new Error("The golden has no training data.");
  }
  const examples = feedsOf(await project.encoder.encodeAt(dataset, train), project.loss);
  return { project, scorer, programs, queries: feeds, examples, train };
}

type Opened = Awaited<ReturnType<typeof open>>;

/** [rows, queries] estimates at one checkpoint. */
async function sketched(
  opened: Opened,
  kind: IndexKind,
  weights: ReadonlyMap<string, Tensor>,
  key: string,
  count: number,
) {
  const { programs, train } = opened;
  const layout = await programs.layout(kind);
  const random = layout.sketch === undefined ? new Map() : drawSketch(layout.sketch, key);
  const ones = layout.groups.map((_, group) => [groupWeight(group), float32([], [1])] as const);
  const build = await programs.build(kind, train.length);
  const ask = await programs.querySketch(kind, count);
  const own = floats(
    await build.run(new Map([...opened.examples, ...weights, ...random])),
    "sketch",
  );
  const theirs = floats(
    await ask.run(new Map([...opened.queries, ...weights, ...random, ...ones])),
    "sketch",
  );
  const width = layout.sketch?.width ?? 0;
  return Float64Array.from({ length: train.length * count }, (_, at) => {
    const [row, query] = [Math.floor(at / count), at % count];
    let sum = 0;
    for (let place = 0; place < width; place++) {
      sum += (own[row * width + place] as number) * (theirs[query * width + place] as number);
    }
    return sum;
  });
}

/** Squared norms of the gradients of examples at one checkpoint. */
async function norms(
  { programs }: Opened,
  feeds: ReadonlyMap<string, Tensor>,
  weights: ReadonlyMap<string, Tensor>,
  count: number,
): Promise<readonly number[]> {
  const program = await programs.build({ type: "factors" }, count);
  const self = floats(await program.run(new Map([...feeds, ...weights])), "tracin.groupSelf");
  const groups = self.length / count;
  return Array.from({ length: count }, (_, row) =>
    self.subarray(row * groups, (row + 1) * groups).reduce((a, b) => a + b, 0),
  );
}

/** Products that PyTorch computed at a checkpoint, not weighted. */
function expected(golden: Golden, checkpoint: number) {
  const { shape, data } = golden.expected("scores");
  const [, rows = 0, count = 0] = shape;
  const weight = golden.project.checkpoints[checkpoint]?.weight ?? 1;
  const at = checkpoint * rows * count;
  return Float64Array.from(data.subarray(at, at + rows * count), (value) => value / weight);
}

describe("factors of every kind of site give the scores of PyTorch autograd", () => {
  test.each(syntheticNames)("%s", async (name) => {
    const golden = await openSynthetic(name);
    const opened = await open(golden);
    const { programs, project, train } = opened;
    const kind = { type: "factors" } as const;
    const count = golden.selection.length;
    const layout = await programs.layout(kind);
    const build = await programs.build(kind, train.length);
    const ask = await programs.queryFactors(count, false);
    const score = await programs.storedScores(train.length, count, false, 1);
    for (const [index, checkpoint] of project.checkpoints.entries()) {
      const weights = await project.readWeights(checkpoint);
      const stored = await build.run(new Map([...opened.examples, ...weights]));
      const queries = await ask.run(new Map([...opened.queries, ...weights]));
      const values = await score.run(new Map([...stored, ...queries]));
      const scores = floats(values, outputs.scores);
      const exact = expected(golden, index);
      for (let query = 0; query < count; query++) {
        const column = (all: ArrayLike<number>) =>
          train.map((_, row) => all[row * count + query] as number);
        const scale = Math.max(...column(exact).map(Math.abs));
        column(exact).forEach((value, row) => {
          // Float32 sums in another order, relative to the query's largest product.
          expect(Math.abs(value - (column(scores)[row] as number)) / scale).toBeLessThan(5e-5);
        });
      }
      const self = floats(stored, "tracin.groupSelf");
      const norms = golden
        .expected("self")
        .data.subarray(index * train.length, (index + 1) * train.length);
      const largest = Math.max(...norms) / checkpoint.weight;
      train.forEach((_, row) => {
        const groups = layout.groups.length;
        const sum = self.subarray(row * groups, (row + 1) * groups).reduce((a, b) => a + b, 0);
        const norm = (norms[row] as number) / checkpoint.weight;
        expect(Math.abs(sum - norm) / largest).toBeLessThan(2e-5);
      });
    }
    await programs.dispose();
    await opened.scorer.close();
  });
});

const draws = 200;
/** Models with large matrices and tables, for which a small sketch takes the Kronecker form. */
const kronecker = ["lookups", "model-bert", "model-gpt", "model-llama", "tied-embedding", "conv2d"];

describe("products of sketches are unbiased estimates, with an error that falls as it should", () => {
  const cases = [
    ...syntheticNames.map((name) => ({ name, size: 64, bound: 2 })),
    // Two factors are projected: their errors add up.
    ...kronecker.map((name) => ({ name, size: 16, bound: 4 })),
  ];
  test.each(cases)("$name, $size numbers", async ({ name, size, bound }) => {
    const golden = await openSynthetic(name);
    const opened = await open(golden);
    const count = golden.selection.length;
    const kind = { type: "sketch", size } as const;
    const [first] = opened.project.checkpoints;
    if (first === undefined) {
      throw new Error("The golden has no checkpoint.");
    }
    const weights = await opened.project.readWeights(first);
    const exact = expected(golden, 0);
    const { sketch } = await opened.programs.layout(kind);
    const sums = new Float64Array(exact.length);
    const squares = new Float64Array(exact.length);
    const rounds = sketch?.isExact ? 1 : draws;
    for (let draw = 0; draw < rounds; draw++) {
      const estimates = await sketched(opened, kind, weights, `draw ${draw}`, count);
      estimates.forEach((value, at) => {
        const error = value - (exact[at] as number);
        sums[at] = (sums[at] as number) + error;
        squares[at] = (squares[at] as number) + error ** 2;
      });
    }
    const ours = await norms(opened, opened.examples, weights, opened.train.length);
    const theirs = await norms(opened, opened.queries, weights, count);
    const relative = squares.map(
      (square, at) =>
        square / rounds / ((ours[Math.floor(at / count)] ?? 0) * (theirs[at % count] ?? 0) + 1e-30),
    );
    // As for independent random signs, where the error of a product is |g| |g'| / sqrt(size) or a little more.
    const error = Math.sqrt(relative.reduce((a, b) => a + b, 0) / relative.length);
    expect(error).toBeLessThan(bound / Math.sqrt(size));
    const scale = Math.max(...exact.map(Math.abs));
    sums.forEach((sum, at) => {
      const mean = sum / rounds;
      const deviation = Math.sqrt((squares[at] as number) / rounds);
      // The mean of the errors is 0 up to five of its standard errors, and rounding.
      const standard = deviation / Math.sqrt(rounds);
      expect(Math.abs(mean)).toBeLessThanOrEqual(5 * standard + 5e-5 * scale);
    });
    await opened.programs.dispose();
    await opened.scorer.close();
  });
});

describe("random numbers", () => {
  it("are the same for equal keys on every machine", () => {
    // Goldens of xoshiro128** seeded with SHA-256 of the key, from an implementation of its own in Python.
    expect([...randomSigns("a", 8)]).toEqual([1, -1, 1, -1, 1, 1, -1, 1]);
    expect(randomSample("a", 1000, 5)).toEqual([580, 618, 667, 825, 863]);
  });

  it("are as often positive as negative", () => {
    const signs = randomSigns("many", 100_000);
    const sum = signs.reduce((total, sign) => total + sign, 0);
    expect(Math.abs(sum)).toBeLessThan(5 * Math.sqrt(100_000));
  });

  it("draw every example of a small set", () => {
    expect(randomSample("b", 4, 10)).toEqual([0, 1, 2, 3]);
    expect(new Set(randomSample("b", 100, 50)).size).toBe(50);
  });
});
