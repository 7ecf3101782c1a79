import type { Project } from "../config/project.ts";
import type { ScoreChunk } from "../tracin/scores.ts";
import type { ExactScores } from "./candidates.ts";
import type { IndexBlock } from "./manifest.ts";
import { groupScales } from "./queries.ts";
import type { OpenIndex } from "./reader.ts";

/** Makes of blocks what the scorer would hand on. */
export class BlockChunks {
  constructor(
    private readonly project: Project,
    private readonly index: OpenIndex,
    private readonly queries: number,
  ) {}

  /** A block with its scores, the parts of all checkpoints [C, size, queries], and what is stored beside them. */
  async chunkOf(block: IndexBlock, scoreParts: Float32Array): Promise<ScoreChunk> {
    const { project, index } = this;
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
      if (index.manifest.margins) {
        margins.set(readings.margins, place * size);
      }
      predictions = readings.predictions;
    }
    return { start, size, scoreParts, selfParts, losses, margins, predictions };
  }

  /** A chunk of estimates in which exact scores have taken their place. */
  settled(chunk: ScoreChunk, { places, parts }: ExactScores): ScoreChunk {
    const { start, size, scoreParts } = chunk;
    const { queries } = this;
    for (let row = 0; row < size; row++) {
      const place = places.get(start + row);
      for (
        let checkpoint = 0;
        place !== undefined && checkpoint < this.project.checkpoints.length;
        checkpoint++
      ) {
        const from = (checkpoint * places.size + place) * queries;
        scoreParts.set(parts.subarray(from, from + queries), (checkpoint * size + row) * queries);
      }
    }
    return { ...chunk, exact: places };
  }
}
