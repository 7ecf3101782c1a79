import type { ScoreChunk } from "../tracin/scores.ts";

/** Chunks that follow each other. */
export interface ChunkRange {
  readonly start: number;
  end: number;
  chunks: ScoreChunk[];
}

/** Ranges that may grow at the same time; with more of them, the oldest one is handed out. */
const mostRanges = 16;

/** Puts chunks that arrive in any order beside their neighbours. */
export class ChunkRanges {
  private ranges: ChunkRange[] = [];

  /** @param most examples with which a range is full */
  constructor(private readonly most: number) {}

  /** Those that are not full. */
  get rest(): readonly ChunkRange[] {
    return this.ranges;
  }

  /** Takes a chunk; a range that is full, or the oldest of too many, is handed out and forgotten. */
  add(chunk: ScoreChunk): ChunkRange | undefined {
    const { start, size } = chunk;
    const known = this.ranges.find(({ end }) => end === start);
    const range = known ?? { start, end: start, chunks: [] };
    if (known === undefined) {
      this.ranges.push(range);
    }
    range.chunks.push(chunk);
    range.end += size;
    const next = this.ranges.find((other) => other.start === range.end);
    if (next !== undefined) {
      range.chunks.push(...next.chunks);
      range.end = next.end;
      this.ranges = this.ranges.filter((other) => other !== next);
    }
    const full =
      range.end - range.start >= this.most
        ? range
        : this.ranges.length > mostRanges
          ? this.ranges[0]
          : undefined;
    this.ranges = this.ranges.filter((other) => other !== full);
    return full;
  }
}
