/** Which part of the work an error comes from; the user interface chooses its wording and actions by it. */
export type ErrorKind =
  | "config"
  | "model"
  | "checkpoint"
  | "data"
  | "engine"
  | "store"
  | "cancelled"
  | "internal";

/** Where an error happened, as far as it is known. */
export interface ErrorPlace {
  /** Path of the file, as the person would write it. */
  readonly file?: string;
  /** First line, counted from 1. */
  readonly line?: number;
  /** Example number in its dataset, counted from 0. */
  readonly row?: number;
  /** Column or field of a dataset. */
  readonly column?: string;
  /** Byte offset in the file. */
  readonly offset?: number;
  /** Tensor of a checkpoint or model. */
  readonly tensor?: string;
  /** Node of the model graph, with its operator. */
  readonly node?: string;
  /** Layer (module path) of the model. */
  readonly layer?: string;
}

/** The form in which a {@link TracInError} crosses a process boundary. */
export interface SerializedError {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly place: ErrorPlace;
  readonly remedy?: string;
}

/**
 * The one error of this project: what went wrong, where, and what to do about it.
 * Everything else that is thrown is a bug.
 */
export class TracInError extends Error {
  override readonly name = "TracInError";

  constructor(
    readonly kind: ErrorKind,
    message: string,
    readonly place: ErrorPlace = {},
    /** What the person can do, as a sentence. */
    readonly remedy?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** One text with what, where and what to do: `message (train.csv, line 3). Remedy.` */
  describe(): string {
    const place = describePlace(this.place);
    const message = place ? `${this.message.replace(/\.$/, "")} (${place})` : this.message;
    return this.remedy ? `${endSentence(message)} ${this.remedy}` : message;
  }

  toJSON(): SerializedError {
    return {
      kind: this.kind,
      message: this.message,
      place: this.place,
      ...(this.remedy === undefined ? {} : { remedy: this.remedy }),
    };
  }

  static fromJSON(error: SerializedError): TracInError {
    return new TracInError(error.kind, error.message, error.place, error.remedy);
  }

  /** Any thrown value as a `TracInError`; what is not one becomes kind `internal`. */
  static from(error: unknown): TracInError {
    if (error instanceof TracInError) {
      return error;
    }
    if (error instanceof Error && error.name === "AbortError") {
      return new TracInError("cancelled", "Cancelled.", {}, undefined, { cause: error });
    }
    const message = error instanceof Error ? error.message : String(error);
    return new TracInError("internal", message, {}, undefined, { cause: error });
  }
}

/** Whether the system gave this code as the reason, such as `ENOENT` for a file that is not there. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** Ends work that was cancelled. @throws kind `cancelled` */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new TracInError("cancelled", "Cancelled.");
  }
}

function describePlace(place: ErrorPlace): string {
  return [
    place.file,
    place.line === undefined ? undefined : `line ${place.line}`,
    place.row === undefined ? undefined : `example ${place.row}`,
    place.column === undefined ? undefined : `column "${place.column}"`,
    place.offset === undefined ? undefined : `byte ${place.offset}`,
    place.tensor === undefined ? undefined : `tensor "${place.tensor}"`,
    place.layer === undefined ? undefined : `layer "${place.layer}"`,
    place.node === undefined ? undefined : `node ${place.node}`,
  ]
    .filter((part) => part !== undefined)
    .join(", ");
}

function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
