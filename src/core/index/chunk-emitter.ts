import type { IndexQuestion } from "./answer.ts";
import type { ExactScores } from "./candidates.ts";
import type { IndexBlock } from "./manifest.ts";
import { groupScales } from "./queries.ts";

/** Hands on blocks as the scorer would. */
export class ChunkEmitter {
  constructor(
    private readonly question: Pick<IndexQuestion, "project" | "index" | "onChunk">,
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
