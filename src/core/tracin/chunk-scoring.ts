import { type Project, type ProjectCheckpoint, trainingData } from "../config/project.ts";
import type { EncodedBatch } from "../datasets/encoder.ts";
import type { Values } from "../engines/engine.ts";
import { throwIfAborted } from "../errors.ts";
import { breather } from "../yield.ts";
import { ChunkBuilder, notFinite } from "./chunk-builder.ts";
import type { ExampleRange } from "./chunks.ts";
import type { ContextCache } from "./context-cache.ts";
import type { Profile } from "./profile.ts";
import type { TrainingProgram } from "./programs.ts";
import { batchesOf, feedsOf } from "./questions.ts";
import type { ScoreChunk } from "./scores.ts";

/** What the chunks of a question are scored with. */
export interface ChunkScoring {
  readonly project: Project;
  readonly training: TrainingProgram;
  readonly contexts: ContextCache;
  /** Scores of an example. */
  readonly queries: number;
  /** Examples per batch. */
  readonly batch: number;
  /** Whether what does not change from checkpoint to checkpoint is computed once. */
  readonly isSplit: boolean;
  /** Whether there is room for the next checkpoint beside the one in use. */
  readonly readsAhead: boolean;
  readonly profile: Profile | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called with the examples that have passed a checkpoint. */
  readonly onRows: (rows: number) => void;
}

/** Training examples as the graph takes them. */
export interface EncodedChunk extends ExampleRange {
  readonly encoded: EncodedBatch;
}

/**
 * Scores a chunk at every checkpoint.
 *
 * @throws kind `cancelled`, kind `checkpoint` where a number is not finite
 */
export async function scoreChunk(work: ChunkScoring, chunk: EncodedChunk): Promise<ScoreChunk> {
  const { project, contexts, queries, batch, readsAhead } = work;
  const { start, encoded } = chunk;
  const { checkpoints, loss } = project;
  const batches = batchesOf(feedsOf(encoded, loss), encoded.size, batch);
  const prepared = await prepareAll(work, batches);
  const scores = new ChunkBuilder(start, encoded.size, checkpoints.length, queries);
  const breathe = breather();
  // Contexts are large: this function has let go of its own when it ends.
  const visit = async (checkpoint: ProjectCheckpoint, index: number): Promise<void> => {
    const context = await contexts.get(checkpoint);
    const following = checkpoints[index + 1];
    if (following !== undefined && readsAhead) {
      // It is read while this one's batches are run; its error counts once its turn has come.
      contexts.get(following).catch(() => undefined);
    }
    for (const [place, { row, rows }] of batches.entries()) {
      throwIfAborted(work.signal);
      const values = await work.training.run(checkpoint.file, context.weights, [
        ...(prepared[place] as Values),
        ...context.queries,
        ...context.scales,
      ]);
      const collecting = performance.now();
      scores.put(values, index, checkpoint.weight, row, rows);
      work.profile?.add("collecting", collecting);
      const broken = scores.notFinite(index, row, rows);
      if (broken !== undefined) {
        const example = chunk.rows?.[broken] ?? start + broken;
        throw notFinite(checkpoint.file, trainingData(project), example);
      }
      work.onRows(rows);
      await breathe();
    }
  };
  for (const [index, checkpoint] of checkpoints.entries()) {
    await visit(checkpoint, index);
  }
  return scores.finish();
}

/** What each batch brings to every checkpoint. */
async function prepareAll(
  { project, contexts, training, isSplit }: ChunkScoring,
  batches: ReturnType<typeof batchesOf>,
): Promise<readonly Values[]> {
  const [first] = project.checkpoints;
  const queries = first !== undefined && isSplit ? (await contexts.get(first)).queries : new Map();
  const all: Values[] = [];
  for (const { feeds } of batches) {
    all.push(await training.prepare(feeds, queries));
  }
  return all;
}
