import { trainingData } from "../core/config/project.ts";
import { chunksOf } from "../core/tracin/chunks.ts";
import { makeReady, type ScorerInUse, sharedSizes } from "./scoring.ts";

/** Milliseconds after which a slow model has been warmed up enough. */
const longest = 500;

/**
 * Scores the first chunk on one query, here and in the helpers that run, so that the next question about an example finds its
 * programs compiled. Ends early, without an error, when the signal is aborted.
 */
export async function warmUp(opened: ScorerInUse, signal: AbortSignal): Promise<void> {
  const { project, scorer, helpers } = opened;
  const examples = trainingData(project).length;
  const selection = [{ dataset: "train", index: 0, explain: "target" as const }];
  const sizes = sharedSizes(opened, await scorer.plan(1), 1, examples);
  const { chunk, firstChunk } = sizes;
  makeReady(helpers.take(helpers.count), { selection, aggregate: false, chunk, examples }, sizes);
  helpers.rest();
  const started = performance.now();
  const enough = new AbortController();
  const scoring = scorer.score(
    selection,
    chunksOf({ start: 0, end: examples }, firstChunk),
    () => undefined,
    {
      signal: AbortSignal.any([signal, enough.signal]),
      onProgress: ({ phase, done }) => {
        const isLong = performance.now() - started > longest;
        if (phase === "scoring" && (isLong || done >= firstChunk * project.checkpoints.length)) {
          enough.abort();
        }
      },
    },
  );
  // What is wrong with the project is told by the question itself.
  await scoring.catch(() => undefined);
}
