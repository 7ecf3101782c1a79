import type { ScoreProgress } from "../core/tracin/scores.ts";
import type { Progress } from "../protocol/compute.ts";

/** Progress with a sentence for the status line. */
export function withMessage(progress: ScoreProgress): Progress {
  const percent = Math.floor((100 * progress.done) / Math.max(1, progress.total));
  const messages = {
    opening: "Opening the model, checkpoints and data",
    evaluating: `Running the model on the test set: ${percent}%`,
    queries: "Computing the gradients of the query",
    scoring: `Scoring the training examples: ${percent}%`,
    reranking: `Computing the best scores exactly: ${percent}%`,
    writing: "Writing the run",
  };
  return { ...progress, message: messages[progress.phase] };
}

/** Milliseconds between two messages about a phase. */
const spacing = 40;

/**
 * Tells another process of progress now and then, and of each new phase at once: where batches take a millisecond, a message for
 * each of them takes a tenth of the time of both.
 */
export function spaced<Step extends ScoreProgress>(
  tell: (progress: Step) => void,
): (progress: Step) => void {
  let phase: Step["phase"] | undefined;
  let next = 0;
  return (progress) => {
    const now = performance.now();
    if (progress.phase !== phase || now >= next) {
      phase = progress.phase;
      next = now + spacing;
      tell(progress);
    }
  };
}
