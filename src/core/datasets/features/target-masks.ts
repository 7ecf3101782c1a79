import type { TracInError } from "../../errors.ts";
import { formatPlace } from "../../label-text.ts";
import { decodeMask } from "../images/mask.ts";
import { resizeNearest } from "../images/resize.ts";
import type { Batch } from "./batch.ts";

/** Class of a position that does not count. */
export const notCounted = -1;
/** What stands for no class at all. */
export const noClass = -2;

/** Which class a stored value is. */
export interface ClassTable {
  of(value: number): number;
  /** The error about a value that is no class. */
  error(
    batch: Batch,
    position: number,
    column: string | undefined,
    value: number,
    place: number,
    shape: readonly number[],
    file?: string,
  ): TracInError;
}

interface TableOptions {
  readonly binary: boolean;
  readonly classes: number | undefined;
  readonly ignore: number;
  readonly values: readonly number[] | undefined;
}

/** Values of 8 bits are looked up. */
const tableSize = 256;

/**
 * Classes of stored numbers: the number itself, or its position in `values`; of binary targets 0 is off, 1 and 255 are on.
 * `ignore` goes before all of them.
 */
export function classTable({ binary, classes, ignore, values }: TableOptions): ClassTable {
  const most = classes ?? Number.MAX_SAFE_INTEGER;
  const classOf = (value: number): number => {
    if (value === ignore) {
      return notCounted;
    }
    if (values !== undefined) {
      const index = values.indexOf(value);
      return index === -1 ? noClass : index;
    }
    if (binary) {
      return value === 0 ? 0 : value === 1 || value === 255 ? 1 : noClass;
    }
    return Number.isInteger(value) && value >= 0 && value < most ? value : noClass;
  };
  const table = Int32Array.from({ length: tableSize }, (_, value) => classOf(value));
  return {
    of: (value) => table[value] ?? classOf(value),
    error(batch, position, column, value, place, shape, file) {
      const known =
        values !== undefined
          ? `one of ${values.join(", ")}`
          : binary
            ? "0, 1 or 255"
            : `a class from 0 to ${most - 1}`;
      return batch.error(
        position,
        column,
        `The target${file === undefined ? "" : ` ${file}`} holds ${value} at ${formatPlace(place, shape)}, which is not ${known}.`,
        `Set "ignoreIndex": ${value} in loss if such positions do not count, or mend the target.`,
      );
    },
  };
}

/** The classes of an example's mask, at the size of the target. Throws kind `data` naming the file and the pixel. */
export async function maskClasses(
  batch: Batch,
  position: number,
  shape: readonly number[],
  table: ClassTable,
): Promise<Int32Array> {
  const { bytes, file } = await batch.mask(position);
  const mask = decodeMask(bytes, file);
  const [height = 1, width = 1] = shape;
  const { data } = resizeNearest(mask, width, height);
  const classes = new Int32Array(data.length);
  for (let pixel = 0; pixel < data.length; pixel++) {
    const value = data[pixel] as number;
    const found = table.of(value);
    if (found === noClass) {
      throw table.error(batch, position, undefined, value, pixel, shape, file);
    }
    classes[pixel] = found;
  }
  return classes;
}
