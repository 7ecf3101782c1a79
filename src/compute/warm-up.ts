import { trainingData } from "../core/config/project.ts";
import { chunksOf } from "../core/tracin/chunks.ts";
import type { ScorerInUse } from "./scoring.ts";

/** Milliseconds after which a slow model has been warmed up enough. */
const longest = 500;

/**
 * Scores the first chunk on one query, so that the next question about an example finds its programs compiled. Ends early,
 * without an error, when the signal is aborted.
 */
export async function warmUp({ project, scorer }: ScorerInUse, signal: AbortSignal): Promise<void> {
  const examples = trainingData(project).length;
  const { firstChunk } = scorer.sizes(await scorer.plan(1), 1);
  const started = performance.now();
  const enough = new AbortController();
  const scoring = scorer.score(
    [{ dataset: "train", index: 0, explain: "target" }],
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
