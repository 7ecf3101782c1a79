import type { Project } from "../config/project.ts";
import { throwIfAborted } from "../errors.ts";
import { overCheckpoints } from "../tracin/rows.ts";
import type { Scorer } from "../tracin/scorer.ts";
import type { QuerySelection, ScoreChunk, ScoreProgress } from "../tracin/scores.ts";
import { TopK } from "../tracin/topk.ts";
import { agreementOf } from "./agreement.ts";
import type { IndexBlock, IndexManifest } from "./manifest.ts";
import type { IndexLayout, IndexPrograms } from "./programs.ts";
import { groupScales, type IndexQueries, prepareQueries } from "./queries.ts";
import { randomSample } from "./random.ts";
import type { IndexReader } from "./reader.ts";

/** Examples whose exact scores tell how well the estimates order them, and the top of them that is looked for. */
const sampled = { examples: 1000, top: 100 } as const;
/** Best examples of each end of a list that get their exact scores, and examples of all queries together. */
const reranked = { perList: 200, least: 20, all: 4000 } as const;

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
  /** Estimates against exact scores, over a random sample of the training examples; one entry for each query. */
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
 * Answers a question from an index: one pass over it scores every example, the best of both ends and a random sample are
 * scored exactly. Self-influence, losses and predictions are those that the index has stored, and exact.
 */
export async function answerFromIndex(question: IndexQuestion): Promise<IndexAnswer> {
  const { selection, project, index, signal } = question;
  const queries = question.aggregate ? Math.min(1, selection.length) : selection.length;
  const { reader } = index;
  const emitter = new ChunkEmitter(question, queries);
  if (queries === 0) {
    for (const block of index.manifest.blocks) {
      throwIfAborted(signal);
      await emitter.emit(block, new Float32Array(0));
    }
    return { exact: true, exactRows: [], reranked: 0, agreement: undefined };
  }
  const prepared = await prepareAll(question);
  const pass = { queries: prepared, count: queries, aggregate: question.aggregate, signal };
  const total = index.manifest.examples * project.checkpoints.length;
  let done = 0;
  const onProgress = (more: number) => {
    done += more;
    question.onProgress?.({ phase: "scoring", done, total });
  };
  const kept = 4 * total * queries <= question.memoryLimit ? new Map<number, Float32Array>() : null;
  const best = new Candidates(question, queries);
  await reader.pass({ ...pass, onProgress }, (block, parts) => {
    best.add(block, parts);
    kept?.set(block.start, parts);
  });
  const answer = await best.resolve();
  for (const block of kept === null ? [] : index.manifest.blocks) {
    throwIfAborted(signal);
    await emitter.emit(block, kept?.get(block.start) ?? new Float32Array(0), answer.exact);
  }
  if (kept === null) {
    // The parts of all examples do not fit into memory: they are computed again as they are written.
    await reader.pass(pass, (block, parts) => emitter.emit(block, parts, answer.exact));
  }
  return answer.facts;
}

async function prepareAll(question: IndexQuestion): Promise<readonly IndexQueries[]> {
  const { project, scorer, selection, aggregate, index, signal } = question;
  const { feeds } = await scorer.resolve(selection, signal);
  const prepared: IndexQueries[] = [];
  for (const checkpoint of project.checkpoints) {
    throwIfAborted(signal);
    const options = { project, ...index, feeds, count: selection.length, aggregate, signal };
    prepared.push(await prepareQueries(options, checkpoint));
  }
  return prepared;
}

/** Exact parts of some examples, [C, rows, queries]. */
interface ExactScores {
  /** Place of each example in `parts`. */
  readonly places: ReadonlyMap<number, number>;
  readonly parts: Float32Array;
}

/** Collects the best estimates of each query, and those of the sample. */
class Candidates {
  private readonly lists: readonly { readonly query: number; readonly top: TopK; sign: 1 | -1 }[];
  private readonly sample: readonly number[];
  private readonly inSample: ReadonlySet<number>;
  /** [queries] estimates of each example of the sample. */
  private readonly estimates = new Map<number, Float64Array>();
  private readonly perList: number;

  constructor(
    private readonly question: IndexQuestion,
    private readonly queries: number,
  ) {
    const { manifest } = question.index;
    const share = Math.floor(reranked.all / (2 * queries));
    this.perList = Math.max(reranked.least, Math.min(reranked.perList, share));
    this.lists = Array.from({ length: queries }, (_, query) => query).flatMap((query) =>
      ([1, -1] as const).map((sign) => ({ query, sign, top: new TopK(this.perList) })),
    );
    this.sample = randomSample(manifest.question, manifest.examples, sampled.examples);
    this.inSample = new Set(this.sample);
  }

  add({ start, size }: IndexBlock, parts: Float32Array): void {
    const checkpoints = this.question.project.checkpoints.length;
    const sums = new Float64Array(this.queries);
    for (let row = 0; row < size; row++) {
      sums.fill(0);
      for (let checkpoint = 0; checkpoint < checkpoints; checkpoint++) {
        const at = (checkpoint * size + row) * this.queries;
        for (let query = 0; query < this.queries; query++) {
          sums[query] = (sums[query] as number) + (parts[at + query] as number);
        }
      }
      for (const { query, sign, top } of this.lists) {
        top.push(start + row, sign * (sums[query] as number));
      }
      if (this.inSample.has(start + row)) {
        this.estimates.set(start + row, sums.slice());
      }
    }
  }

  /** Scores candidates and sample exactly. */
  async resolve(): Promise<{
    readonly facts: IndexAnswer;
    readonly exact: ExactScores | undefined;
  }> {
    const { manifest } = this.question.index;
    const ranked = manifest.exact
      ? []
      : this.lists.flatMap(({ top }) => top.sorted().map(({ index }) => index));
    const rows = [...new Set([...ranked, ...this.sample])].sort((a, b) => a - b);
    const parts = await this.question.scoreRows(rows);
    const exact = { places: new Map(rows.map((row, place) => [row, place])), parts };
    const compared = Array.from({ length: this.queries }, (_, query) =>
      agreementOf(
        this.sample.map((row) => this.sumOf(exact, row, query)),
        this.sample.map((row) => this.estimates.get(row)?.[query] ?? Number.NaN),
        sampled.top,
      ),
    );
    const facts = {
      exact: manifest.exact,
      exactRows: manifest.exact ? [] : rows,
      reranked: manifest.exact ? 0 : Math.min(this.perList, manifest.examples),
      agreement: {
        examples: this.sample.length,
        top: Math.min(sampled.top, this.sample.length),
        spearman: compared.map(({ spearman }) => spearman),
        recall: compared.map(({ recall }) => recall),
      },
    };
    return { facts, exact: manifest.exact ? undefined : exact };
  }

  private sumOf({ places, parts }: ExactScores, row: number, query: number): number {
    const { checkpoints } = this.question.project;
    const place = (places.get(row) ?? 0) * this.queries + query;
    return overCheckpoints(parts, checkpoints.length, place);
  }
}

/** Hands on blocks as the scorer would. */
class ChunkEmitter {
  constructor(
    private readonly question: IndexQuestion,
    private readonly queries: number,
  ) {}

  async emit(block: IndexBlock, parts: Float32Array, exact?: ExactScores): Promise<void> {
    const { project, index, onChunk } = this.question;
    const { checkpoints } = project;
    const { start, size } = block;
    const selfParts = new Float32Array(checkpoints.length * size);
    const losses = new Float32Array(checkpoints.length * size);
    const margins = new Float32Array(index.manifest.margins ? checkpoints.length * size : 0);
    let predictions: Float32Array = new Float32Array(0);
    for (const [place, checkpoint] of checkpoints.entries()) {
      const scales = groupScales(index.manifest.groups, checkpoint);
      const readings = await index.reader.readings(block, place);
      for (let row = 0; row < size; row++) {
        let sum = 0;
        for (const [group, scale] of scales.entries()) {
          sum += scale * (readings.self[row * scales.length + group] as number);
        }
        selfParts[place * size + row] = checkpoint.weight * sum;
      }
      losses.set(readings.losses, place * size);
      margins.set(readings.margins, place * size);
      predictions = readings.predictions;
    }
    const scoreParts = exact === undefined ? parts : this.withExact(block, parts, exact);
    await onChunk({ start, size, scoreParts, selfParts, losses, margins, predictions });
  }

  private withExact(
    { start, size }: IndexBlock,
    parts: Float32Array,
    { places, parts: exact }: ExactScores,
  ): Float32Array {
    const { queries } = this;
    for (let row = 0; row < size; row++) {
      const place = places.get(start + row);
      for (
        let checkpoint = 0;
        place !== undefined && checkpoint < this.question.project.checkpoints.length;
        checkpoint++
      ) {
        const from = (checkpoint * places.size + place) * queries;
        parts.set(exact.subarray(from, from + queries), (checkpoint * size + row) * queries);
      }
    }
    return parts;
  }
}
