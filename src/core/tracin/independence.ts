import type { Project } from "../config/project.ts";
import { TracInError } from "../errors.ts";
import { outputs } from "./compile.ts";
import type { ProgramCache } from "./programs.ts";
import type { Feeds } from "./questions.ts";
import { floats, sliceRows } from "./rows.ts";

/** Largest difference, relative to the largest number of the batch: float32 rounding of sums in another order. */
const tolerance = 1e-3;

/**
 * Checks that loss and gradient norm of a small batch equal those of its examples one by one. They differ when the
 * model mixes examples (statistics over the batch, an operator across it, a batch axis laid out in another order).
 *
 * @param sample feeds of the training examples with the numbers `examples`
 * @throws kind `model`
 */
export async function checkIndependence(
  project: Project,
  programs: ProgramCache,
  sample: Feeds,
  examples: readonly number[],
): Promise<void> {
  const size = examples.length;
  const checkpoint = project.checkpoints[0];
  if (checkpoint === undefined || size < 2) {
    return;
  }
  const weights = await project.readWeights(checkpoint);
  const together = await (await programs.check(size)).run(new Map([...sample, ...weights]));
  const alone = await programs.check(1);
  for (let row = 0; row < size; row++) {
    const feeds = [...sample].map(([name, all]) => [name, sliceRows(all, row, row + 1)] as const);
    const single = await alone.run(new Map([...feeds, ...weights]));
    for (const [name, what] of [
      [outputs.loss, "loss"],
      [outputs.self, "gradient"],
    ] as const) {
      const batch = floats(together, name);
      const scale = Math.max(...batch.map(Math.abs), Number.MIN_VALUE);
      const difference = Math.abs((batch[row] as number) - (floats(single, name)[0] as number));
      if (!(difference <= tolerance * scale) && Number.isFinite(scale)) {
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
