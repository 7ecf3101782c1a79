import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";

/** Where a bar begins and how long it is, as shares of its track (0 to 1). */
export interface Bar {
  readonly start: number;
  readonly length: number;
}

/**
 * The bar of a value on its list's common scale.
 * Signed bars begin in the middle: right of it for positive values, left for negative ones.
 * `scale` is the largest absolute value of the list; what exceeds it fills the track.
 */
export function barOf(value: number, scale: number, signed: boolean): Bar {
  const share = Number.isFinite(value) && scale > 0 ? Math.max(-1, Math.min(1, value / scale)) : 0;
  if (!signed) {
    return { start: 0, length: Math.max(0, share) };
  }
  const length = Math.abs(share) / 2;
  return { start: share < 0 ? 0.5 - length : 0.5, length };
}

/** A small line chart, in the units of its box. */
export interface Sparkline {
  /** SVG path; empty without points. */
  readonly path: string;
  /** Height of the zero line. */
  readonly zero: number;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** The line of a value per checkpoint with zero in its range; values that are not finite leave a gap. */
export function sparklineOf(
  values: readonly number[],
  width: number,
  height: number,
  margin = 2,
): Sparkline {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(0, ...finite);
  const high = Math.max(0, ...finite);
  const y = scaleLinear()
    .domain(low === high ? [0, 1] : [low, high])
    .range([height - margin, margin]);
  const x = scaleLinear()
    .domain([0, Math.max(1, values.length - 1)])
    .range(values.length > 1 ? [margin, width - margin] : [width / 2, width / 2]);
  const points = values.map((value, index) => ({ x: x(index), y: y(value) }));
  const path = line<{ x: number; y: number }>()
    .defined((point) => Number.isFinite(point.y))
    .x((point) => point.x)
    .y((point) => point.y)
    .digits(2);
  return {
    path: path(points) ?? "",
    zero: y(0),
    points: points.filter((point) => Number.isFinite(point.y)),
  };
}
