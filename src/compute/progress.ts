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
