import { trainingData } from "../core/config/project.ts";
import { TracInError } from "../core/errors.ts";
import { chunksOf } from "../core/tracin/chunks.ts";
import type { LayerEstimate } from "../protocol/project.ts";
import { type ScorerInUse, sharedSizes } from "./scoring.ts";

/** Batches that are timed, the first one (with its compilation) not counted. */
const timedBatches = 3;
/** Milliseconds after which the timing ends in any case. */
const longest = 2000;

/**
 * What a question about one example would cost with the layers of a scorer: some batches are scored and timed.
 *
 * @returns the parameters that count, and the seconds that all training examples would take, opening not included
 * @throws kind `cancelled`, and whatever the scores themselves would throw
 */
export async function estimate(opened: ScorerInUse, signal: AbortSignal): Promise<LayerEstimate> {
  const { project, scorer, share } = opened;
  const examples = trainingData(project).length;
  const visits = examples * project.checkpoints.length;
  const enough = new AbortController();
  const ticks: { readonly time: number; readonly done: number }[] = [];
  const started = performance.now();
  const { chunk } = sharedSizes(opened, await scorer.plan(1), 1, examples);
  const scoring = scorer.score(
    [{ dataset: "train", index: 0, explain: "target" }],
    chunksOf({ start: 0, end: examples }, chunk),
    () => undefined,
    {
      signal: AbortSignal.any([signal, enough.signal]),
      onProgress: ({ phase, done }) => {
        if (phase !== "scoring") {
          return;
        }
        ticks.push({ time: performance.now(), done });
        if (ticks.length > timedBatches || performance.now() - started > longest) {
          enough.abort();
        }
      },
    },
  );
  await scoring.catch((error: unknown) => {
    if (signal.aborted || !enough.signal.aborted) {
      throw error;
    }
  });
  const [first, last] = [ticks[0], ticks.at(-1)];
  if (first === undefined || last === undefined) {
    throw new TracInError("internal", "No batch was timed.");
  }
  const perVisit =
    last.done > first.done
      ? (last.time - first.time) / (last.done - first.done)
      : (last.time - started) / last.done;
  const alone = (perVisit * visits) / 1000;
  // Helpers take their share of what lasts longer than their start.
  const shared = alone > 1 ? alone / (share.processes * share.threads) : alone;
  return { parameters: scorer.parameterCount, seconds: shared };
}
