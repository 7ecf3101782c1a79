import type { DuckDBValue } from "@duckdb/node-api";
import { TracInError } from "../../../errors.ts";
import { resolveExisting } from "../../../paths.ts";
import { exampleError, listNames } from "../../data-error.ts";
import type { Dataset, Example, FieldValue, Locator } from "../../dataset.ts";
import { requireColumn } from "../../field.ts";
import { imageType } from "../../images/decode.ts";
import { ParquetFile } from "./file.ts";
import { type ImageForm, imageForm, toField } from "./values.ts";

/** Images that are read together: each question has its own cost. */
const imageBlock = 32;
/** Encoded size of the largest image that is read, and of a block of them. */
const maxImageBytes = 64 << 20;

export interface ParquetOptions {
  readonly image?: string | undefined;
  readonly memoryLimit?: number | undefined;
}

interface ImageColumn {
  readonly name: string;
  readonly form: ImageForm;
}

/** Rows of one Parquet file, or of several that follow each other, as Hugging Face datasets are stored. */
export class ParquetDataset implements Dataset {
  readonly kind = "table";
  readonly columns: readonly string[];
  /** Encoded images, where a column holds them. */
  readonly imageBytes?: (index: number) => Promise<Uint8Array>;
  private block: { readonly first: number; readonly images: readonly Uint8Array[] } | undefined;

  private constructor(
    readonly name: string,
    private readonly files: readonly ParquetFile[],
    /** Number of the first example of each file. */
    private readonly starts: readonly number[],
    readonly length: number,
    readonly target: readonly string[],
    /** Column that holds the images. */
    readonly image: ImageColumn | undefined,
  ) {
    this.columns = files[0]?.columns.map((column) => column.name) ?? [];
    if (image !== undefined) {
      this.imageBytes = (index) => this.readImage(image, index);
    }
  }

  /**
   * @param options `image`: column that holds image files; found by itself unless told. `memoryLimit`: bytes for all files together
   * @throws kind `data` for damaged files, files whose columns differ, and a column that holds no images
   */
  static async open(
    name: string,
    root: string,
    paths: readonly string[],
    target: readonly string[],
    { image, memoryLimit }: ParquetOptions = {},
  ): Promise<ParquetDataset> {
    const files: ParquetFile[] = [];
    try {
      for (const path of paths) {
        files.push(
          await ParquetFile.open(
            await resolveExisting(root, path),
            memoryLimit && memoryLimit / paths.length,
          ),
        );
      }
      const starts: number[] = [];
      let length = 0;
      for (const file of files) {
        checkColumns(files[0] ?? file, file);
        starts.push(length);
        length += file.length;
      }
      const [first] = files;
      if (first === undefined || length === 0) {
        throw new TracInError("data", "The file has no rows.", { file: paths[0] ?? "" });
      }
      const column = await findImage(first, image);
      const dataset = new ParquetDataset(name, files, starts, length, target, column);
      if (image !== undefined) {
        requireColumn(dataset, image);
        if (column === undefined) {
          throw new TracInError(
            "data",
            "The column holds no image files.",
            { file: first.file, column: image },
            "Name a column of PNG or JPEG bytes, or one of { bytes, path } as Hugging Face datasets writes them.",
          );
        }
      }
      return dataset;
    } catch (error) {
      await closeAll(files);
      throw error;
    }
  }

  get file(): string {
    return this.files[0]?.file ?? "";
  }

  locator(index: number): Locator {
    const { file, row } = this.place(index);
    return { file: file.file, line: row, lineCount: 0, start: row, end: row + 1 };
  }

  at(): undefined {
    return undefined;
  }

  labelNames(column: string): readonly string[] | undefined {
    return this.files[0]?.labelNames.get(column);
  }

  async contents(start: number, end: number): Promise<readonly Example[]> {
    const { image } = this;
    const expressions = this.columns.map((name) => {
      const column = identifier(name);
      return name === image?.name ? `sha256(${bytesOf(image)})` : column;
    });
    return this.examples(expressions, start, end);
  }

  async read(start: number, end: number): Promise<readonly Example[]> {
    const expressions = this.columns.map((name) => {
      const column = identifier(name);
      if (name !== this.image?.name) {
        return column;
      }
      // Of an image the table shows its name, or its size.
      const bytes = bytesOf(this.image);
      const size = `octet_length(${bytes}) || ' bytes'`;
      const hasPath = this.image.form === "struct" && this.hasPath(name);
      return hasPath ? `coalesce(${column}.path, ${size})` : size;
    });
    return this.examples(expressions, start, end);
  }

  private async examples(
    expressions: readonly string[],
    start: number,
    end: number,
  ): Promise<readonly Example[]> {
    const rows = await this.rows(expressions, start, end);
    return rows.map(({ module, values }, offset) => {
      const fields: Record<string, FieldValue> = Object.create(null);
      for (const [position, column] of this.columns.entries()) {
        fields[column] = toField(module, values[position] ?? null);
      }
      return { index: start + offset, fields };
    });
  }

  close(): Promise<void> {
    return closeAll(this.files);
  }

  private async readImage(image: ImageColumn, index: number): Promise<Uint8Array> {
    const first = index - (index % imageBlock);
    if (this.block?.first !== first) {
      this.block = { first, images: await this.readImages(image, first) };
    }
    const bytes = this.block.images[index - first];
    if (bytes === undefined || imageType(bytes) === undefined) {
      throw exampleError(
        this,
        index,
        image.name,
        "The value is missing, or neither a PNG nor a JPEG image of up to 64 MiB.",
        "Store the encoded image file, or remove the row.",
      );
    }
    return bytes;
  }

  private async readImages(image: ImageColumn, first: number): Promise<readonly Uint8Array[]> {
    const bytes = bytesOf(image);
    const end = Math.min(this.length, first + imageBlock);
    const limited = `CASE WHEN octet_length(${bytes}) <= ${maxImageBytes} THEN ${bytes} END`;
    const rows = await this.rows([limited], first, end);
    return rows.map(({ module, values: [value] }) =>
      value instanceof module.DuckDBBlobValue ? value.bytes : new Uint8Array(),
    );
  }

  private async rows(expressions: readonly string[], start: number, end: number) {
    const all: { module: ParquetFile["module"]; values: DuckDBValue[] }[] = [];
    for (const [number, file] of this.files.entries()) {
      const begin = this.starts[number] ?? 0;
      const from = Math.max(start, begin);
      const to = Math.min(end, begin + file.length);
      if (from < to) {
        for (const values of await file.rows(expressions, from - begin, to - begin)) {
          all.push({ module: file.module, values });
        }
      }
    }
    return all;
  }

  private hasPath(name: string): boolean {
    const [file] = this.files;
    const type = file?.columns.find((column) => column.name === name)?.type;
    return type instanceof (file?.module.DuckDBStructType ?? Object) && "entryNames" in type
      ? type.entryNames.includes("path")
      : false;
  }

  private place(index: number): { file: ParquetFile; row: number } {
    const number = this.starts.findLastIndex((start) => start <= index);
    const file = this.files[number];
    if (file === undefined || index >= this.length) {
      throw new TracInError("internal", `There is no row ${index}.`, { file: this.file });
    }
    return { file, row: index - (this.starts[number] ?? 0) };
  }
}

async function closeAll(files: readonly ParquetFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()));
}

/** The column that holds images: the named one, else the first whose first value is an image. */
async function findImage(
  file: ParquetFile,
  named: string | undefined,
): Promise<ImageColumn | undefined> {
  for (const { name, type } of file.columns) {
    const form = imageForm(file.module, type);
    if (form === undefined || (named !== undefined && name !== named)) {
      continue;
    }
    const bytes = bytesOf({ name, form });
    const [row] = await file.rows([`${bytes}[1:8]`], 0, Math.min(1, file.length));
    const value = row?.[0];
    const isImage =
      value instanceof file.module.DuckDBBlobValue && imageType(value.bytes) !== undefined;
    if (named !== undefined || isImage) {
      return { name, form };
    }
  }
  return undefined;
}

function checkColumns(first: ParquetFile, file: ParquetFile): void {
  const describe = ({ columns }: ParquetFile) =>
    columns.map(({ name, type }) => `${name} ${type}`).join("\n");
  if (describe(first) !== describe(file)) {
    throw new TracInError(
      "data",
      `The file has other columns than ${first.file}: ${listNames(file.columns.map(({ name }) => name))}.`,
      { file: file.file },
      "All Parquet files of a dataset have the same columns and types.",
    );
  }
}

/** The encoded bytes of an image column as SQL. */
function bytesOf({ name, form }: ImageColumn): string {
  return form === "struct" ? `${identifier(name)}.bytes` : identifier(name);
}

/** A column name as SQL. */
function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
