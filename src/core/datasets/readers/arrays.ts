import { TracInError } from "../../errors.ts";
import { resolveExisting } from "../../paths.ts";
import type { Dataset, Example, FieldValue, Locator } from "../dataset.ts";
import { NpyFile } from "./npy.ts";

/** NumPy arrays side by side: field name to .npy file, the first axis is the example. */
export class ArraysDataset implements Dataset {
  readonly kind = "arrays";
  readonly columns: readonly string[];

  private constructor(
    readonly name: string,
    private readonly fields: ReadonlyMap<string, NpyFile>,
    private readonly first: NpyFile,
    readonly target: readonly string[],
  ) {
    this.columns = [...this.fields.keys()];
  }

  /** Throws kind `data` when a file is damaged or the first axes differ. */
  static async open(
    name: string,
    root: string,
    files: Readonly<Record<string, string>>,
    target: readonly string[],
  ): Promise<ArraysDataset> {
    const fields = new Map<string, NpyFile>();
    try {
      for (const [field, path] of Object.entries(files)) {
        const inside = await resolveExisting(root, path);
        fields.set(field, await NpyFile.open(inside.absolute, inside.relative));
      }
      const [first] = fields.values();
      if (first === undefined || first.length === 0) {
        throw new TracInError(
          "data",
          `The dataset "${name}" has no examples.`,
          first === undefined ? {} : { file: first.file },
          'Name .npy files under "npy" in tracin.json.',
        );
      }
      for (const other of fields.values()) {
        if (other.length !== first.length) {
          throw new TracInError(
            "data",
            `The array has ${other.length} examples, but ${first.file} has ${first.length}.`,
            { file: other.file },
            "All arrays of a dataset have the same first axis.",
          );
        }
      }
      return new ArraysDataset(name, fields, first, target);
    } catch (error) {
      await closeAll(fields);
      throw error;
    }
  }

  get length(): number {
    return this.first.length;
  }

  get file(): string {
    return this.first.file;
  }

  locator(index: number): Locator {
    return { file: this.file, line: 0, lineCount: 0, ...this.first.rowBytes(index) };
  }

  at(): undefined {
    return undefined;
  }

  array(
    field: string,
    start: number,
    end: number,
  ): Promise<{ shape: readonly number[]; data: Float32Array }> {
    const file = this.fields.get(field);
    if (file === undefined) {
      throw new TracInError("internal", `There is no array "${field}".`, { file: this.file });
    }
    return file.rows(start, end);
  }

  async read(start: number, end: number): Promise<readonly Example[]> {
    const examples = Array.from({ length: end - start }, (_, offset) => {
      const fields: Record<string, FieldValue> = Object.create(null);
      return { index: start + offset, fields };
    });
    for (const field of this.columns) {
      const { shape, data } = await this.array(field, start, end);
      const size = data.length / Math.max(1, end - start);
      for (const [offset, example] of examples.entries()) {
        example.fields[field] = nest(
          data.subarray(offset * size, (offset + 1) * size),
          shape.slice(1),
        );
      }
    }
    return examples;
  }

  close(): Promise<void> {
    return closeAll(this.fields);
  }
}

async function closeAll(fields: ReadonlyMap<string, NpyFile>): Promise<void> {
  await Promise.all(Array.from(fields.values(), (file) => file.close()));
}

function nest(data: Float32Array, shape: readonly number[]): FieldValue {
  const [first, ...rest] = shape;
  if (first === undefined) {
    return data[0] ?? Number.NaN;
  }
  const size = data.length / Math.max(1, first);
  return Array.from({ length: first }, (_, index) =>
    nest(data.subarray(index * size, (index + 1) * size), rest),
  );
}
