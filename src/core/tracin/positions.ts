import type { Shape, Tensor } from "../graph/tensor.ts";
import type { PositionReading, QueryPositions } from "./scores.ts";

/** Entries of each list. */
const most = 5;

/**
 * Where the model fails on one query.
 *
 * @param target of the query, without the batch axis: class indices (-1: does not count), or 0 and 1
 * @param mask 1 where a position counts; undefined where the target tells
 * @param losses loss at each position
 * @param predicted class at each position
 */
export function readPositions(
  target: Tensor["data"],
  mask: Tensor["data"] | undefined,
  losses: Float32Array,
  predicted: Float32Array,
  shape: Shape,
): QueryPositions {
  const worst: PositionReading[] = [];
  const counts = new Map<string, { target: number; predicted: number; count: number }>();
  for (let position = 0; position < losses.length; position++) {
    const reading = {
      position,
      target: Number(target[position]),
      predicted: predicted[position] as number,
      loss: losses[position] as number,
    };
    const isCounted = mask === undefined ? reading.target >= 0 : Number(mask[position]) > 0;
    if (!isCounted) {
      continue;
    }
    const last = worst.at(-1);
    if (worst.length < most || last === undefined || reading.loss > last.loss) {
      const after = worst.findIndex(({ loss }) => reading.loss > loss);
      worst.splice(after === -1 ? worst.length : after, 0, reading);
      worst.length = Math.min(worst.length, most);
    }
    if (reading.target !== reading.predicted) {
      const key = `${reading.target} ${reading.predicted}`;
      const known = counts.get(key);
      counts.set(key, { ...reading, ...known, count: (known?.count ?? 0) + 1 });
    }
  }
  const confusions = [...counts.values()]
    .sort((a, b) => b.count - a.count)
    .slice(0, most)
    .map(({ target: label, predicted: taken, count }) => ({
      target: label,
      predicted: taken,
      count,
    }));
  return { shape, worst, confusions };
}
