import type { Project } from "../config/project.ts";
import { encodeQueries, type Feeds } from "./questions.ts";
import type { QuerySelection } from "./scores.ts";

/** Some queries as the graph takes them. */
export interface QueryBlock {
  readonly rows: number;
  readonly feeds: Feeds;
}

/** Gives the blocks of a question's queries from the first on, each time it is called. */
export type QueryBlockSource = () => AsyncIterable<QueryBlock> | Iterable<QueryBlock>;

/**
 * The examples of an aggregate query, a block at a time: a whole test set need not fit into memory. What fits into the
 * limit is kept, so that it is decoded once for all checkpoints.
 */
export class QueryBlocks {
  private readonly kept = new Map<number, QueryBlock>();
  private bytes = 0;

  /**
   * @param size most examples of a block
   * @param limit bytes that may be kept
   */
  constructor(
    private readonly project: Project,
    private readonly selection: readonly QuerySelection[],
    private readonly size: number,
    private readonly limit: number,
  ) {}

  async *blocks(): AsyncGenerator<QueryBlock> {
    for (let start = 0; start < this.selection.length; ) {
      // Powers of two: each size is compiled, so a slice of any length needs few of them.
      const left = this.selection.length - start;
      const rows = 2 ** Math.floor(Math.log2(Math.min(this.size, left)));
      yield this.kept.get(start) ?? (await this.read(start, rows));
      start += rows;
    }
  }

  private async read(start: number, rows: number): Promise<QueryBlock> {
    const part = this.selection.slice(start, start + rows);
    const block = { rows: part.length, feeds: await encodeQueries(this.project, part) };
    const size = [...block.feeds.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    if (this.bytes + size <= this.limit) {
      this.bytes += size;
      this.kept.set(start, block);
    }
    return block;
  }
}
