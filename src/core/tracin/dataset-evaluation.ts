import type { Project } from "../config/project.ts";
import type { Dataset } from "../datasets/dataset.ts";
import { throwIfAborted } from "../errors.ts";
import { breather } from "../yield.ts";
import { notFinite } from "./chunk-builder.ts";
import { chunksOf } from "./chunks.ts";
import { ContextCache } from "./context-cache.ts";
import { type EvaluatedChunk, type Evaluation, evaluateFeeds } from "./evaluation.ts";
import { targetMaskInput } from "./loss/loss.ts";
import type { ProgramCache } from "./programs.ts";
import type { QuestionSizes } from "./question-sizes.ts";
import { feedsOf } from "./questions.ts";
import type { ScoreOptions } from "./scores.ts";

/** What a dataset is evaluated with. */
interface Evaluator {
  readonly project: Project;
  readonly programs: ProgramCache;
  readonly sizes: QuestionSizes;
  readonly memoryLimit: number;
}

/** See `Scorer.evaluate`. */
export async function evaluateDataset(
  { project, programs, sizes, memoryLimit }: Evaluator,
  dataset: Dataset,
  onChunk: (chunk: EvaluatedChunk) => void | Promise<void>,
  { signal, onProgress }: Omit<ScoreOptions, "aggregate">,
): Promise<void> {
  const { checkpoints, encoder, loss } = project;
  const batch = Math.min(sizes.batch, Math.max(1, dataset.length));
  const contexts = new ContextCache(async (checkpoint) => {
    const weights = await project.readWeights(checkpoint);
    return { weights, queries: new Map(), scales: new Map() };
  }, memoryLimit / 2);
  const chunks = chunksOf({ start: 0, end: dataset.length }, sizes.chunk);
  const total = dataset.length * checkpoints.length;
  let done = 0;
  const breathe = breather();
  for (let range = chunks.next(); range !== undefined; range = chunks.next()) {
    const encoded = await encoder.encode(dataset, range.start, range.end);
    const feeds = feedsOf(encoded, loss);
    const evaluations: Evaluation[] = [];
    for (const checkpoint of checkpoints) {
      throwIfAborted(signal);
      const { weights } = await contexts.get(checkpoint);
      const found = await evaluateFeeds(programs, feeds, encoded.size, weights, batch);
      const broken = found.losses.findIndex((value) => !Number.isFinite(value));
      if (broken >= 0) {
        throw notFinite(checkpoint.file, dataset, range.start + broken);
      }
      evaluations.push(found);
      done += encoded.size;
      onProgress?.({ phase: "evaluating", done, total });
      await breathe();
    }
    const { targets } = encoded;
    await onChunk({
      start: range.start,
      size: encoded.size,
      targets,
      mask: feeds.get(targetMaskInput),
      checkpoints: evaluations,
    });
  }
}
