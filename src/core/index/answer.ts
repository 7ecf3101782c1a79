import type { Project } from "../config/project.ts";
import { throwIfAborted } from "../errors.ts";
import type { Scorer } from "../tracin/scorer.ts";
import type { QuerySelection, ScoreChunk, ScoreProgress } from "../tracin/scores.ts";
import { Candidates } from "./candidates.ts";
import { ChunkEmitter } from "./chunk-emitter.ts";
import type { IndexManifest } from "./manifest.ts";
import type { IndexLayout, IndexPrograms } from "./programs.ts";
import { type IndexQueries, prepareQueries } from "./queries.ts";
import type { IndexReader } from "./reader.ts";

/** An open index of a project. */
export interface OpenIndex {
  readonly manifest: IndexManifest;
  readonly layout: IndexLayout;
  readonly programs: IndexPrograms;
  /** Of the project's checkpoints. */
  readonly reader: IndexReader;
}

export interface IndexQuestion {
  readonly project: Project;
  readonly scorer: Scorer;
  readonly index: OpenIndex;
  readonly selection: readonly QuerySelection[];
  /** Sum the queries' gradients into one query. */
  readonly aggregate: boolean;
  /** Exact scores of chosen examples: the parts of all checkpoints, [C, rows, queries]. */
  readonly scoreRows: (rows: readonly number[]) => Promise<Float32Array>;
  /** Receives the examples block after block. */
  readonly onChunk: (chunk: ScoreChunk) => void | Promise<void>;
  readonly onProgress?: ((progress: ScoreProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes for scores between the pass and the answer. */
  readonly memoryLimit: number;
}

/** How the scores of an answer were found. */
export interface IndexAnswer {
  /** Whether the index keeps exact products; then all scores are exact. */
  readonly exact: boolean;
  /** Examples with exact scores, ascending; empty where all are, or where nothing was asked. */
  readonly exactRows: readonly number[];
  /** Of each list, how many of the best estimates got exact scores. */
  readonly reranked: number;
  /** Estimates against exact scores, over a random sample of the training examples; one entry for each query. None where all are exact. */
  readonly agreement:
    | {
        readonly examples: number;
        readonly top: number;
        readonly spearman: readonly number[];
        readonly recall: readonly number[];
      }
    | undefined;
}

/**
 * Answers a question from an index: one pass over it scores every example. Where it keeps sketches, the best of both ends and a
 * random sample are then scored exactly. Self-influence, losses and predictions are those that the index has stored, and exact.
 */
export async function answerFromIndex(question: IndexQuestion): Promise<IndexAnswer> {
  const { selection, project, index, signal } = question;
  const queries = question.aggregate ? Math.min(1, selection.length) : selection.length;
  const { manifest, reader } = index;
  const emitter = new ChunkEmitter(question, queries);
  if (queries === 0) {
    for (const block of manifest.blocks) {
      throwIfAborted(signal);
      await emitter.emit(block, new Float32Array(0));
    }
    return exactAnswer;
  }
  const prepared = await prepareAll(question);
  const pass = { queries: prepared, count: queries, aggregate: question.aggregate, signal };
  const total = manifest.examples * project.checkpoints.length;
  let done = 0;
  const onProgress = (more: number) => {
    done += more;
    question.onProgress?.({ phase: "scoring", done, total });
  };
  if (manifest.exact) {
    await reader.pass({ ...pass, onProgress }, (block, parts) => emitter.emit(block, parts));
    return exactAnswer;
  }
  const kept = 4 * total * queries <= question.memoryLimit ? new Map<number, Float32Array>() : null;
  const best = new Candidates(manifest, project.checkpoints.length, queries);
  await reader.pass({ ...pass, onProgress }, (block, parts) => {
    best.add(block, parts);
    kept?.set(block.start, parts);
  });
  const { facts, exact } = await best.resolve(question.scoreRows);
  for (const block of kept === null ? [] : manifest.blocks) {
    throwIfAborted(signal);
    await emitter.emit(block, kept?.get(block.start) ?? new Float32Array(0), exact);
  }
  if (kept === null) {
    // The parts of all examples do not fit into memory: they are computed again as they are written.
    await reader.pass(pass, (block, parts) => emitter.emit(block, parts, exact));
  }
  return facts;
}

/** Where every score is exact there is nothing to rank again and nothing to compare. */
const exactAnswer: IndexAnswer = {
  exact: true,
  exactRows: [],
  reranked: 0,
  agreement: undefined,
};

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
