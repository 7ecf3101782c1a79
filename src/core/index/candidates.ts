import type { RunRecord } from "../store/record.ts";
import { overCheckpoints } from "../tracin/rows.ts";
import { TopK } from "../tracin/topk.ts";
import { agreementOf } from "./agreement.ts";
import type { IndexBlock, IndexManifest } from "./manifest.ts";
import { randomSample } from "./random.ts";

/** Examples whose exact scores tell how well the estimates order them, and the top of them that is looked for. */
const sampled = { examples: 1000, top: 100 } as const;
/** Best examples of each end of a list that get their exact scores, and examples of all queries together. */
const reranked = { perList: 200, least: 20, all: 4000 } as const;

/** How the scores of an answer were found, as a run remembers it. */
export type IndexAnswer = Omit<NonNullable<RunRecord["index"]>, "kept">;

/** Exact parts of some examples, [C, rows, queries]. */
export interface ExactScores {
  /** Place of each example in `parts`. */
  readonly places: ReadonlyMap<number, number>;
  readonly parts: Float32Array;
}

/** Collects the best estimates of each query, and those of a random sample. */
export class Candidates {
  private readonly lists: readonly {
    readonly query: number;
    readonly top: TopK;
    readonly sign: 1 | -1;
  }[];
  private readonly sample: readonly number[];
  private readonly inSample: ReadonlySet<number>;
  /** [queries] estimates of each example of the sample. */
  private readonly estimates = new Map<number, Float64Array>();
  private readonly perList: number;

  constructor(
    private readonly manifest: Pick<IndexManifest, "question" | "examples">,
    private readonly checkpoints: number,
    private readonly queries: number,
  ) {
    const share = Math.floor(reranked.all / (2 * queries));
    this.perList = Math.max(reranked.least, Math.min(reranked.perList, share));
    this.lists = Array.from({ length: queries }, (_, query) => query).flatMap((query) =>
      ([1, -1] as const).map((sign) => ({ query, sign, top: new TopK(this.perList) })),
    );
    this.sample = randomSample(manifest.question, manifest.examples, sampled.examples);
    this.inSample = new Set(this.sample);
  }

  /** Takes the estimates of a block, the parts of all checkpoints: [C, size, queries]. */
  add({ start, size }: IndexBlock, parts: Float32Array): void {
    const { queries, checkpoints } = this;
    const sums = new Float64Array(queries);
    for (let row = 0; row < size; row++) {
      sums.fill(0);
      for (let checkpoint = 0; checkpoint < checkpoints; checkpoint++) {
        const at = (checkpoint * size + row) * queries;
        for (let query = 0; query < queries; query++) {
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

  /**
   * Scores candidates and sample exactly.
   *
   * @param scoreRows gives the parts of all checkpoints of examples, [C, rows, queries]
   */
  async resolve(
    scoreRows: (rows: readonly number[]) => Promise<Float32Array>,
  ): Promise<{ readonly facts: IndexAnswer; readonly exact: ExactScores }> {
    const ranked = this.lists.flatMap(({ top }) => top.sorted().map(({ index }) => index));
    const rows = [...new Set([...ranked, ...this.sample])].sort((a, b) => a - b);
    const parts = await scoreRows(rows);
    const exact = { places: new Map(rows.map((row, place) => [row, place])), parts };
    const compared = Array.from({ length: this.queries }, (_, query) =>
      agreementOf(
        this.sample.map((row) => this.sumOf(exact, row, query)),
        this.sample.map((row) => this.estimates.get(row)?.[query] ?? Number.NaN),
        sampled.top,
      ),
    );
    const facts = {
      exact: false,
      exactRows: rows,
      reranked: Math.min(this.perList, this.manifest.examples),
      agreement: {
        examples: this.sample.length,
        top: Math.min(sampled.top, this.sample.length),
        spearman: compared.map(({ spearman }) => spearman),
        recall: compared.map(({ recall }) => recall),
      },
    };
    return { facts, exact };
  }

  private sumOf({ places, parts }: ExactScores, row: number, query: number): number {
    const place = (places.get(row) ?? 0) * this.queries + query;
    return overCheckpoints(parts, this.checkpoints, place);
  }
}
