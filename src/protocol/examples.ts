/** Examples of datasets: where they stand and what a person is shown of them. */

/** Where an example stands, for opening and marking it. */
export interface Place {
  /** Data file (or image manifest) relative to the workspace root, with forward slashes. */
  readonly file: string;
  /** First line, counted from 0, and the number of lines. */
  readonly line: number;
  readonly lineCount: number;
  /** The image file of an image example, relative to the workspace root. */
  readonly image?: string;
  /** Hash of the row's text when the run was made (src/core/datasets/row-hash.ts), to tell whether it changed since. */
  readonly rowHash?: number;
  /** Hash of the image file when the run was made (src/core/datasets/image-hash.ts), in marks; absent where that is not known. */
  readonly imageHash?: string;
}

/** An example of a dataset. */
export interface ExampleRef {
  readonly dataset: string;
  /** Counted from 0, in file order. */
  readonly index: number;
}

/** An example that stands in no dataset, as a person gives it: at least one of them. */
export interface GivenExample {
  /** The text, where the features are made of one. */
  readonly text?: string;
  /** Absolute path of an image file. */
  readonly image?: string;
  /** Absolute path of its mask, where the target is one. */
  readonly mask?: string;
  /** A JSON object with the fields of a row. */
  readonly row?: string;
}

/** An example to explain: of a dataset, given by a person, or a query of a run once more. */
export type QueryRef =
  | ExampleRef
  | { readonly given: GivenExample }
  | { readonly runId: string; readonly query: number };

/** What an example of a project consists of. */
export interface ExampleForm {
  /** Columns that hold text. */
  readonly texts: readonly string[];
  readonly image: boolean;
  /** Whether the target is a mask of the image; without one the prediction is explained. */
  readonly mask: boolean;
  /** All columns that the features read, those of texts among them. */
  readonly columns: readonly string[];
  /** Columns of the target. */
  readonly target: readonly string[];
}

/** What a person is shown of an example. */
export type Preview =
  | {
      readonly kind: "image";
      readonly mime: "image/png" | "image/jpeg";
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "fields";
      readonly entries: readonly (readonly [name: string, value: string])[];
    };

/** A label with its probability, or an output with its value. */
export interface LabelValue {
  readonly label: string;
  readonly value: number;
}
