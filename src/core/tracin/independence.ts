import { type Project, trainingData } from "../config/project.ts";
import type { Values } from "../engines/engine.ts";
import { TracInError } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { outputs } from "./outputs.ts";
import type { ProgramCache } from "./programs.ts";
import type { Feeds } from "./questions.ts";
import { concatRows, floats, sliceRows } from "./rows.ts";

/** Largest difference, relative to the largest number of the batch: float32 rounding of sums in another order. */
const tolerance = 1e-3;

/** Some training examples. */
export interface ExampleSample {
  /** Their numbers. */
  readonly examples: readonly number[];
  readonly feeds: Feeds;
}

/**
 * Checks that loss and gradient norm of a small batch equal those of its examples one by one, in both orders of the batch. They differ when the
 * model mixes examples (statistics over the batch, an operator across it, a batch axis laid out in another order, examples that are sorted: then one of the two
 * orders is not the sorted one).
 *
 * @throws kind `model`
 */
export async function checkIndependence(
  project: Project,
  programs: ProgramCache,
  { examples, feeds: sample }: ExampleSample,
): Promise<void> {
  const size = examples.length;
  const checkpoint = project.checkpoints[0];
  if (checkpoint === undefined || size < 2) {
    return;
  }
  const weights = await project.readWeights(checkpoint);
  const rowOf = (row: number): Feeds =>
    new Map([...sample].map(([name, all]) => [name, sliceRows(all, row, row + 1)]));
  const rows = examples.map((_, row) => rowOf(row));
  const backwards = [...sample.keys()].map(
    (name) => [name, concatRows(rows.toReversed().flatMap((row) => row.get(name) ?? []))] as const,
  );
  const run = async (count: number, all: readonly (readonly (readonly [string, Tensor])[])[]) => {
    const program = await programs.check(count);
    try {
      const values: Values[] = [];
      for (const feeds of all) {
        values.push(await program.run(new Map([...feeds, ...weights])));
      }
      return values;
    } finally {
      await program.dispose();
    }
  };
  const orders = await run(size, [[...sample], backwards]);
  const singles = await run(
    1,
    rows.map((row) => [...row]),
  );
  for (const [row, single] of singles.entries()) {
    for (const [name, what] of [
      [outputs.loss, "loss"],
      [outputs.self, "gradient"],
    ] as const) {
      const [forwards, reversed] = orders.map((values) => floats(values, name));
      const scale = Math.max(...(forwards ?? []).map(Math.abs), Number.MIN_VALUE);
      const expected = floats(single, name)[0] as number;
      const found = [forwards?.[row], reversed?.[size - 1 - row]] as number[];
      const isSame = found.every((value) => Math.abs(value - expected) <= tolerance * scale);
      if (!isSame && Number.isFinite(scale)) {
        throw new TracInError(
          "model",
          `The ${what} of training example ${examples[row]} changes when other examples are in its batch: the model mixes examples.`,
          { file: project.model.file },
          "Export it in evaluation mode with a dynamic batch axis first; operators across examples (batch statistics, in-batch negatives) are not supported.",
        );
      }
    }
  }
}

/** Some training examples: far apart, because neighbours in a file may be copies, and copies hide that a model mixes examples. */
export async function sampleOf(project: Project) {
  const train = trainingData(project);
  const last = train.length - 1;
  const examples = [...new Set([0, Math.floor(last / 2), last])];
  return { examples, encoded: await project.encoder.encodeAt(train, examples) };
}
