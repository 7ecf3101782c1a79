import { describe, expect, test } from "vitest";
import type { Project } from "../../../src/core/config/project.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { float32, sizeOf } from "../../../src/core/graph/tensor.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { possibleForms } from "../../../src/core/tracin/cost.ts";
import { Scorer, type ScorerOptions } from "../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { type Golden, openSynthetic, syntheticNames } from "./golden.ts";

/** Largest difference from float64 PyTorch autograd, relative to the largest score. */
const tolerance = 2e-5;

async function run(
  { project, selection, train }: Golden,
  aggregate = false,
  options: Partial<ScorerOptions> = {},
): Promise<ScoreChunk> {
  const scorer = await Scorer.open(project, {
    engine: onnxruntimeEngine(),
    memoryLimit: 2 ** 30,
    layers: "all",
    ...options,
  });
  const chunks: ScoreChunk[] = [];
  const source = chunksOf({ start: 0, end: train.length }, 4096);
  await scorer.score(selection, source, (chunk) => void chunks.push(chunk), { aggregate });
  await scorer.close();
  return chunks[0] as ScoreChunk;
}

/** Share of a parameter in the checkpoint's rate; equal for neighbours, as groups of parameters have it. */
function share(parameter: number, checkpoint: number, group: number): number {
  return [1, 0.25, 0.5, 0.125][(Math.floor(parameter / group) + 2 * checkpoint) % 4] as number;
}

/** The golden with a rate of its own for each `group` parameters, as rates or as one factor per element. */
function withRates(golden: Golden, group: number, kind: "rates" | "elements"): Golden {
  const { project } = golden;
  const factors = (checkpoint: number) =>
    new Map(project.parameters.map((name, index) => [name, share(index, checkpoint, group)]));
  const rated: Project =
    kind === "rates"
      ? {
          ...project,
          checkpoints: project.checkpoints.map((checkpoint, index) => ({
            ...checkpoint,
            parameterRates: new Map(
              [...factors(index)].map(([name, factor]) => [name, factor * checkpoint.learningRate]),
            ),
          })),
        }
      : {
          ...project,
          async readPreconditioner({ file }) {
            const index = project.checkpoints.findIndex((checkpoint) => checkpoint.file === file);
            return new Map(
              [...factors(index)].map(([name, factor]) => {
                const shape = project.model.weights.find((weight) => weight.name === name)?.shape;
                const size = sizeOf(shape ?? []);
                return [name, float32(shape ?? [], new Float32Array(size).fill(factor))];
              }),
            );
          },
        };
  return { ...golden, project: rated };
}

/** Sums the goldens' parts of single parameters with the shares as factors. */
function expected(golden: Golden, what: "scores" | "self", group: number): number[] {
  const { parameters, checkpoints } = golden.project;
  const total: number[] = [];
  parameters.forEach((name, index) => {
    const part = golden.expected(`${what}/${name}`).data;
    const perCheckpoint = part.length / checkpoints.length;
    part.forEach((value, at) => {
      const factor = share(index, Math.floor(at / perCheckpoint), group);
      total[at] = (total[at] ?? 0) + factor * value;
    });
  });
  return total;
}

function difference(actual: Float32Array, wanted: readonly number[]): number {
  expect(actual.length).toBe(wanted.length);
  const scale = Math.max(...wanted.map(Math.abs));
  return Math.max(...wanted.map((value, at) => Math.abs(value - (actual[at] as number)) / scale));
}

function sumOfQueries(scores: readonly number[], queries: number): number[] {
  return Array.from({ length: scores.length / queries }, (_, row) =>
    scores.slice(row * queries, (row + 1) * queries).reduce((a, b) => a + b),
  );
}

describe("a rate for each parameter", () => {
  test.each(syntheticNames)("%s", async (name) => {
    const golden = await openSynthetic(name);
    for (const [group, kind] of [
      [1, "rates"],
      [2, "rates"],
      [1, "elements"],
    ] as const) {
      const rated = withRates(golden, group, kind);
      const scores = expected(golden, "scores", group);
      const single = await run(rated);
      expect(difference(single.scoreParts, scores)).toBeLessThan(tolerance);
      expect(difference(single.selfParts, expected(golden, "self", group))).toBeLessThan(tolerance);
      const aggregate = await run(rated, true);
      const sums = sumOfQueries(scores, golden.selection.length);
      expect(difference(aggregate.scoreParts, sums)).toBeLessThan(tolerance);
    }
  });

  test("every form of every site", async () => {
    const seen = new Set<string>();
    for (const name of ["conv2d", "embedding", "tied-embedding", "tied-linear", "split-weight"]) {
      const golden = await openSynthetic(name);
      for (const kind of ["rates", "elements"] as const) {
        const rated = withRates(golden, 1, kind);
        for (const position of [0, 1, 2, 4]) {
          const chunk = await run(rated, false, {
            chooseForms: (factors, question) => {
              const forms = possibleForms(factors, question);
              const form = forms[position % forms.length] ?? forms[0];
              if (question.queries > 0) {
                const scales = question.elementwise ? "each" : "one";
                seen.add(`${scales}: ${factors.kind} ${form.score} ${form.self}`);
              }
              return form;
            },
          });
          const self = expected(golden, "self", 1);
          expect(difference(chunk.scoreParts, expected(golden, "scores", 1))).toBeLessThan(
            tolerance,
          );
          expect(difference(chunk.selfParts, self)).toBeLessThan(tolerance);
        }
      }
    }
    expect([...seen].sort()).toEqual([
      "each: outer explicit explicit",
      "each: outer tangent explicit",
      "each: outer tangent factorised",
      "each: rows gram gram",
      "each: rows tangent gram",
      "each: tied tangent explicit",
      "each: vector explicit explicit",
      "one: outer explicit explicit",
      "one: outer factorised factorised",
      "one: outer gram explicit",
      "one: outer gram gram",
      "one: outer tangent explicit",
      "one: rows gram gram",
      "one: rows tangent gram",
      "one: tied gram gram",
      "one: tied tangent gram",
      "one: vector explicit explicit",
    ]);
  });

  test("one rate for all needs no scales in the graph", async () => {
    const golden = await openSynthetic("conv2d");
    const inputs = async ({ project }: Golden) => {
      const options = { memoryLimit: 2 ** 30, layers: "all" } as const;
      const scorer = await Scorer.open(project, { engine: onnxruntimeEngine(), ...options });
      const { graph } = await scorer.plan(3);
      await scorer.close();
      return graph.inputs.filter(({ name }) => name.startsWith("tracin.scale")).length;
    };
    expect(await inputs(golden)).toBe(0);
    expect(await inputs(withRates(golden, 1, "rates"))).toBe(4);
  });
});
