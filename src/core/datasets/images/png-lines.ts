/** The part of a PNG header that says how samples lie in lines. */
export interface LineLayout {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample. */
  readonly depth: number;
  /** Samples of a pixel. */
  readonly samples: number;
  readonly interlaced: boolean;
}

/** A pass of the image: every stepX-th column from x, every stepY-th row from y. */
type Pass = readonly [stepX: number, stepY: number, x: number, y: number];

const wholePass: readonly Pass[] = [[1, 1, 0, 0]];
const adam7Passes: readonly Pass[] = [
  [8, 8, 0, 0],
  [8, 8, 4, 0],
  [4, 8, 0, 4],
  [4, 4, 2, 0],
  [2, 4, 0, 2],
  [2, 2, 1, 0],
  [1, 2, 0, 1],
];

/** Bytes of the filtered lines of all passes, each line with its filter byte. */
export function lineBytes(layout: LineLayout): number {
  return passes(layout).reduce((sum, pass) => sum + pass.rows * (pass.stride + 1), 0);
}

/**
 * Undoes the filters (https://www.w3.org/TR/png-3/#9Filters) and the interlacing: samples of all pixels as
 * [height, width, samples], unpacked, not scaled. Throws an `Error` for an unknown filter.
 */
export function readLines(data: Uint8Array, layout: LineLayout): Uint8Array | Uint16Array {
  const { width, height, depth, samples } = layout;
  const size = width * height * samples;
  const output = depth === 16 ? new Uint16Array(size) : new Uint8Array(size);
  const pixelBytes = Math.max(1, (depth * samples) >> 3);
  let offset = 0;
  for (const { columns, rows, stride, pass } of passes(layout)) {
    const [stepX, stepY, x, y] = pass;
    let previous: Uint8Array = new Uint8Array(stride);
    for (let row = 0; row < rows; row++) {
      const filter = data[offset] ?? 0;
      const line = data.subarray(offset + 1, offset + 1 + stride);
      unfilter(filter, line, previous, pixelBytes);
      const start = ((y + row * stepY) * width + x) * samples;
      spread(line, depth, columns, samples, output, start, stepX * samples);
      previous = line;
      offset += stride + 1;
    }
  }
  return output;
}

function passes(layout: LineLayout) {
  return (layout.interlaced ? adam7Passes : wholePass).flatMap((pass) => {
    const columns = Math.ceil((layout.width - pass[2]) / pass[0]);
    const rows = Math.ceil((layout.height - pass[3]) / pass[1]);
    const stride = Math.ceil((columns * layout.depth * layout.samples) / 8);
    return columns > 0 && rows > 0 ? [{ columns, rows, stride, pass }] : [];
  });
}

/** Undoes a line's filter in place; `a` is the byte one pixel to the left, `b` the one above, `c` above `a`. */
function unfilter(filter: number, line: Uint8Array, above: Uint8Array, pixelBytes: number): void {
  if (filter > 4) {
    throw new Error(`its line filter ${filter} is unknown`);
  }
  for (let i = 0; filter !== 0 && i < line.length; i++) {
    const a = i < pixelBytes ? 0 : (line[i - pixelBytes] ?? 0);
    const b = above[i] ?? 0;
    const value = line[i] ?? 0;
    if (filter === 1) {
      line[i] = value + a;
    } else if (filter === 2) {
      line[i] = value + b;
    } else if (filter === 3) {
      line[i] = value + ((a + b) >> 1);
    } else {
      const c = i < pixelBytes ? 0 : (above[i - pixelBytes] ?? 0);
      line[i] = value + paeth(a, b, c);
    }
  }
}

/** Of left, above and above left, the one nearest to left + above - above left. */
function paeth(a: number, b: number, c: number): number {
  const toA = Math.abs(b - c);
  const toB = Math.abs(a - c);
  const toC = Math.abs(a + b - 2 * c);
  if (toA <= toB && toA <= toC) {
    return a;
  }
  return toB <= toC ? b : c;
}

/** Puts the samples of a line into the image: `step` is the distance of its pixels there. */
function spread(
  line: Uint8Array,
  depth: number,
  columns: number,
  samples: number,
  output: Uint8Array | Uint16Array,
  start: number,
  step: number,
): void {
  if (depth === 8 && step === samples) {
    output.set(line, start);
    return;
  }
  const mask = (1 << depth) - 1;
  for (let index = 0; index < columns * samples; index++) {
    const bit = index * depth;
    const byte = line[bit >> 3] ?? 0;
    const pixel = Math.floor(index / samples);
    output[start + pixel * step + (index % samples)] =
      depth === 16
        ? (byte << 8) | (line[(bit >> 3) + 1] ?? 0)
        : (byte >> (8 - depth - (bit & 7))) & mask;
  }
}
