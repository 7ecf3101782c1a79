/** Where an example stands. */
export interface Locator {
  /** File relative to the workspace, with forward slashes: the data file, or the manifest of images. */
  readonly file: string;
  /**
   * First line of the example, counted from 0 as VS Code counts lines. In a file without lines (`lineCount` 0), the row
   * counted from 0; 0 for an image file.
   */
  readonly line: number;
  /** Lines that the example spans; a quoted field may hold line ends. */
  readonly lineCount: number;
  /** Byte range [start, end) in the file, line end excluded; the whole file for one image; rows of a Parquet file. */
  readonly start: number;
  readonly end: number;
  /** For image examples, the image file relative to the workspace. */
  readonly image?: string;
}

/** A field's value as the file holds it. JSONL and Parquet give nested values; CSV gives text; arrays give numbers. */
export type FieldValue =
  | string
  | number
  | boolean
  | null
  | readonly FieldValue[]
  | { readonly [key: string]: FieldValue };

/** One example as read from disk, before encoding. */
export interface Example {
  /** Position in the dataset, counted from 0, in file order. */
  readonly index: number;
  readonly fields: Readonly<Record<string, FieldValue>>;
}

/** A decoded image: `data` is [height, width, channels] with channels 1 (grey), 3 or 4. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
  /** 8 or 16 bits per sample. */
  readonly data: Uint8Array | Uint16Array;
}

/** An open dataset: rows and places come from one parse. */
export interface Dataset {
  /** Key in `tracin.json`: `train`, `test`, ... */
  readonly name: string;
  readonly kind: "table" | "images" | "arrays";
  /** Number of examples. */
  readonly length: number;
  /** Field names in file order. */
  readonly columns: readonly string[];
  /** File (or folder) that it came from, relative to the workspace. */
  readonly file: string;
  /** Columns (fields) that hold the target; none where it is elsewhere (an input, a folder of masks). */
  readonly target: readonly string[];
  locator(index: number): Locator;
  /** Examples [start, end) in file order. Throws kind `data` with file and line. */
  read(start: number, end: number): Promise<readonly Example[]>;
  /** Rows [start, end) of a CSV table as cells in the order of `columns`; cheaper than `read`. */
  cells?(start: number, end: number): Promise<readonly (readonly string[])[]>;
  /** {@link rowHash} of the text of the rows [start, end), for datasets whose examples stand on lines. */
  rowHashes?(start: number, end: number): Promise<Float64Array>;
  /**
   * The encoded bytes (PNG, JPEG) of an example's image: for `kind: "images"`, tables with a column of images, and
   * arrays that hold images, for which they are made.
   */
  imageBytes?(index: number): Promise<Uint8Array>;
  /** The samples of an example's image, where an array holds them. Throws kind `data` unless they are 8-bit. */
  samples?(index: number): Promise<DecodedImage>;
  /** Workspace path of an example's mask, for targets that are masks. */
  maskFile?(index: number): string;
  /** The encoded bytes of an example's mask. */
  readMask?(index: number): Promise<Uint8Array>;
  /** The array rows [start, end) of a field as flat numbers, for `kind: "arrays"`. */
  array?(
    field: string,
    start: number,
    end: number,
  ): Promise<{ shape: readonly number[]; data: Float32Array }>;
  /** Names of a column's labels by their index, where the file says them. */
  labelNames?(column: string): readonly string[] | undefined;
  /** Fields of the examples [start, end) for telling them apart, where `read` shows less than they hold (images). */
  contents?(start: number, end: number): Promise<readonly Example[]>;
  /** The example at a line of the data file (counted from 0) or for an image file; undefined when there is none. */
  at(place: { readonly line: number } | { readonly image: string }): number | undefined;
  close(): Promise<void>;
}
