import type { Project } from "../config/project.ts";
import { throwIfAborted } from "../errors.ts";
import { type Profile, profiled } from "../tracin/profile.ts";
import type { Scorer } from "../tracin/scorer.ts";
import type { QuerySelection, ScoreChunk, ScoreProgress } from "../tracin/scores.ts";
import { BlockChunks } from "./block-chunks.ts";
import { Candidates, type IndexAnswer } from "./candidates.ts";
import { type IndexQueries, prepareQueries } from "./queries.ts";
import type { OpenIndex } from "./reader.ts";

export interface IndexQuestion {
  readonly project: Project;
  readonly scorer: Scorer;
  readonly index: OpenIndex;
  readonly selection: readonly QuerySelection[];
  /** Sum the queries' gradients into one query. */
  readonly aggregate: boolean;
  /** Exact scores of chosen examples: the parts of all checkpoints, [C, rows, queries]. */
  readonly scoreRows: (rows: readonly number[]) => Promise<Float32Array>;
  /** Receives the examples block after block as the pass comes to them, where their scores are estimates. */
  readonly onEstimates?: ((chunk: ScoreChunk) => void) | undefined;
  /** Receives the examples block after block, with the scores that the answer has. */
  readonly onChunk: (chunk: ScoreChunk) => void | Promise<void>;
  readonly onProgress?: ((progress: ScoreProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly profile?: Profile | undefined;
  /** Bytes for chunks between the pass and the answer. */
  readonly memoryLimit: number;
}

/**
 * Answers a question from an index: one pass over it scores every example. Where it keeps sketches, the best of both ends and a
 * random sample are then scored exactly. Self-influence, losses and predictions are those that the index has stored, and exact.
 */
export async function answerFromIndex(question: IndexQuestion): Promise<IndexAnswer> {
  const { selection, project, index, signal } = question;
  const queries = question.aggregate ? Math.min(1, selection.length) : selection.length;
  const { manifest, reader } = index;
  const chunks = new BlockChunks(project, index, queries);
  const { onChunk, onEstimates } = question;
  if (queries === 0) {
    for (const block of manifest.blocks) {
      throwIfAborted(signal);
      await onChunk(await chunks.chunkOf(block, new Float32Array(0)));
    }
    return exactAnswer;
  }
  const prepared = await profiled(question.profile, "queries", () => prepareAll(question));
  const pass = { queries: prepared, count: queries, aggregate: question.aggregate, signal };
  const total = manifest.examples * project.checkpoints.length;
  let done = 0;
  const onProgress = (more: number) => {
    done += more;
    question.onProgress?.({ phase: "scoring", done, total });
  };
  if (manifest.exact) {
    await reader.pass({ ...pass, onProgress }, async (block, parts) =>
      onChunk(await chunks.chunkOf(block, parts)),
    );
    return exactAnswer;
  }
  const perExample = project.checkpoints.length * (queries + 2 + Number(manifest.margins));
  const floats = manifest.examples * (perExample + manifest.readings);
  const kept: ScoreChunk[] | undefined = 4 * floats <= question.memoryLimit ? [] : undefined;
  const best = new Candidates(manifest, project.checkpoints.length, queries);
  await reader.pass({ ...pass, onProgress }, async (block, parts) => {
    best.add(block, parts);
    if (kept === undefined && onEstimates === undefined) {
      return;
    }
    const chunk = await chunks.chunkOf(block, parts);
    onEstimates?.({ ...chunk, exact: new Set() });
    kept?.push(chunk);
  });
  const { facts, exact } = await best.resolve(question.scoreRows);
  const finish = (chunk: ScoreChunk) => {
    throwIfAborted(signal);
    return onChunk(chunks.settled(chunk, exact));
  };
  for (const chunk of kept ?? []) {
    await finish(chunk);
  }
  if (kept === undefined) {
    // The chunks of all examples do not fit into memory: they are computed again as they are written.
    await reader.pass(pass, async (block, parts) => finish(await chunks.chunkOf(block, parts)));
  }
  return facts;
}

/** Where every score is exact there is nothing to rank again and nothing to compare. */
const exactAnswer: IndexAnswer = { exact: true, exactRows: [], reranked: 0 };

async function prepareAll(question: IndexQuestion): Promise<readonly IndexQueries[]> {
  const { project, scorer, selection, aggregate, index, signal } = question;
  const block = index.layout.batch;
  const blocks = await scorer.queryBlocks(selection, { aggregate, block, signal });
  const prepared: IndexQueries[] = [];
  for (const checkpoint of project.checkpoints) {
    throwIfAborted(signal);
    const options = { project, ...index, blocks, count: selection.length, aggregate, signal };
    prepared.push(await prepareQueries(options, checkpoint));
  }
  return prepared;
}
