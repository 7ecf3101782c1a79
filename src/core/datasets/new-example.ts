import { TracInError } from "../errors.ts";
import type { Dataset, Example, FieldValue, Locator } from "./dataset.ts";
import { fieldOf } from "./field.ts";

/** An example that a person gives: it stands in no dataset. Plain data, so that every process encodes it alike. */
export interface NewExample {
  readonly fields: Readonly<Record<string, FieldValue>>;
  /** Encoded bytes (PNG, JPEG) of its image. */
  readonly image?: Uint8Array;
  /** The mask that is its target, and what it is called; one that fills the place where `hasTarget` is false. */
  readonly mask?: { readonly file: string; readonly bytes: Uint8Array };
  /** False where the target in `fields` is that of another example and only fills the place. */
  readonly hasTarget: boolean;
  /** Hash of what was given: the same for the same example. */
  readonly key: string;
}

/** What places and errors call it. */
const name = "new example";

/**
 * The dataset that holds a new example alone, with the columns of the training data, so that encoders take it as they
 * take any other.
 */
export function newExampleDataset(example: NewExample, train: Dataset): Dataset {
  const { image, mask } = example;
  return Object.assign(
    new NewExampleDataset(example, train),
    image === undefined ? {} : { imageBytes: async () => image },
    mask === undefined ? {} : { maskFile: () => mask.file, readMask: async () => mask.bytes },
  );
}

class NewExampleDataset implements Dataset {
  readonly name = name;
  readonly file = name;
  readonly length = 1;
  readonly kind: Dataset["kind"];
  readonly columns: readonly string[];
  readonly target: readonly string[];
  readonly array?: NonNullable<Dataset["array"]>;
  private readonly example: Example;

  constructor({ fields }: NewExample, train: Dataset) {
    this.kind = train.kind;
    this.columns = train.columns;
    this.target = train.target;
    this.example = { index: 0, fields };
    if (train.kind === "arrays") {
      this.array = async (field) => {
        const { shape, data } = flatten(fieldOf(this.example, field), field);
        return { shape: [1, ...shape], data };
      };
    }
  }

  locator(): Locator {
    return { file: name, line: 0, lineCount: 0, start: 0, end: 0 };
  }

  async read(): Promise<readonly Example[]> {
    return [this.example];
  }

  at(): undefined {
    return undefined;
  }

  async close(): Promise<void> {}
}

/** Nested lists of numbers as an array: the same length everywhere on one level. */
function flatten(
  value: FieldValue | undefined,
  field: string,
): { readonly shape: readonly number[]; readonly data: Float32Array } {
  const shape: number[] = [];
  for (let inner = value; isList(inner); inner = inner[0]) {
    shape.push(inner.length);
  }
  const numbers: number[] = [];
  const visit = (inner: FieldValue | undefined, level: number): void => {
    if (typeof inner === "number" && level === shape.length) {
      numbers.push(inner);
    } else if (isList(inner) && inner.length === shape[level]) {
      for (const item of inner) {
        visit(item, level + 1);
      }
    } else {
      throw new TracInError(
        "data",
        "The field is no array of numbers.",
        { file: name, column: field },
        "Give nested lists of numbers, of the same length on each level, such as [[0, 1], [2, 3]].",
      );
    }
  };
  visit(value, 0);
  return { shape, data: Float32Array.from(numbers) };
}

function isList(value: FieldValue | undefined): value is readonly FieldValue[] {
  return Array.isArray(value);
}
