import { createHash } from "node:crypto";
import { basename, resolve } from "node:path";
import { listNames } from "../datasets/data-error.ts";
import type { Dataset, FieldValue } from "../datasets/dataset.ts";
import { fieldOf, fieldText } from "../datasets/field.ts";
import { imageType } from "../datasets/images/decode.ts";
import { encodePng } from "../datasets/images/encode-png.ts";
import type { NewExample } from "../datasets/new-example.ts";
import { readImageFile } from "../datasets/readers/image-bytes.ts";
import { TracInError } from "../errors.ts";
import { readingOf } from "../tracin/questions.ts";
import { exampleForm } from "./example-form.ts";
import { maskTarget } from "./mask-target.ts";
import { nearestName } from "./nearest.ts";
import { type Project, trainingData } from "./project.ts";

/** What a person gives for an example; at least one of them. */
export interface GivenExample {
  /** The text, where the features are made of one. */
  readonly text?: string | undefined;
  /** Path of an image file, anywhere. */
  readonly image?: string | undefined;
  /** Path of the mask of the image, where the target is one. */
  readonly mask?: string | undefined;
  /** A JSON object with the fields of a row. */
  readonly row?: string | undefined;
}

/** Longest row in characters. */
const longestRow = 64 << 20;

/**
 * Reads an example that stands in no dataset. A target that is not given is filled in with that of a training example,
 * which is never explained.
 *
 * @throws kind `data` when it is no example of this project: which field is missing, unknown or wrong
 */
export async function readNewExample(project: Project, given: GivenExample): Promise<NewExample> {
  const train = trainingData(project);
  const form = exampleForm(project);
  const fields = new Map(given.row === undefined ? [] : rowFields(given.row, train));
  if (given.text !== undefined) {
    const [column] = form.texts;
    if (column === undefined || form.texts.length > 1) {
      throw wrong(
        column === undefined
          ? "No model input is made of a text here."
          : `There are ${form.texts.length} texts: ${listNames(form.texts)}.`,
        `Give a row with ${listNames(form.columns)}.`,
      );
    }
    fields.set(column, given.text);
  }
  const missing = form.columns.filter((column) => !fields.has(column));
  if (missing.length > 0) {
    throw wrong(
      `The example lacks ${listNames(missing)}.`,
      `Give a row with ${listNames(form.columns)}.`,
    );
  }
  if (form.image && given.image === undefined) {
    throw wrong("The example lacks an image.", "Choose an image file.");
  }
  if (!form.image && given.image !== undefined) {
    throw wrong(
      "No model input is made of an image here.",
      `Give a row with ${listNames(form.columns)}.`,
    );
  }
  const masks = maskTarget(project.config.data["train"]?.target);
  if (given.mask !== undefined && masks === undefined) {
    throw wrong("The target is no mask here.", "Give the example without a mask.");
  }
  const image = given.image === undefined ? undefined : await readImage(given.image);
  const mask =
    given.mask === undefined ? undefined : await readImageFile(resolve(given.mask), given.mask);
  const hash = createHash("sha256").update(JSON.stringify([...fields]));
  hash.update(image ?? new Uint8Array());
  const key = hash.update(mask ?? new Uint8Array()).digest("hex");
  const hasTarget =
    masks === undefined ? train.target.every((column) => fields.has(column)) : mask !== undefined;
  if (!hasTarget) {
    await fillTarget(project, train, fields);
  }
  return {
    fields: Object.fromEntries(fields),
    ...(image === undefined ? {} : { image }),
    ...(masks === undefined
      ? {}
      : {
          mask: {
            file: basename(given.mask ?? "mask.png"),
            bytes: mask ?? neutralMask(masks.values, project.loss.ignoreIndex),
          },
        }),
    hasTarget,
    key,
  };
}

function rowFields(json: string, train: Dataset): [string, FieldValue][] {
  const row = parseRow(json);
  return Object.entries(row).map(([name, value]) => {
    if (!train.columns.includes(name)) {
      const near = nearestName(name, train.columns);
      throw wrong(
        `There is no column "${name}".`,
        near === undefined
          ? `The columns are ${listNames(train.columns)}.`
          : `Did you mean "${near}"?`,
      );
    }
    // A cell of a CSV file is text, whatever it holds.
    return [name, train.cells === undefined ? value : value === null ? "" : fieldText(value)];
  });
}

function parseRow(json: string): Readonly<Record<string, FieldValue>> {
  const expected = 'Give a JSON object, such as {"length": 5.1, "colour": "red"}.';
  if (json.length > longestRow) {
    throw wrong("The row is too long.", expected);
  }
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw wrong(`The row is not valid JSON: ${reason}.`, expected);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong("The row is no JSON object.", expected);
  }
  return value as Readonly<Record<string, FieldValue>>;
}

async function readImage(file: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(await readImageFile(resolve(file), file));
  if (imageType(bytes) === undefined) {
    throw new TracInError("data", "The file is no PNG or JPEG image.", { file }, "Convert it.");
  }
  return bytes;
}

/** The target of the first training example takes the place of the missing one, where nothing depends on it. */
async function fillTarget(
  project: Project,
  train: Dataset,
  fields: Map<string, FieldValue>,
): Promise<void> {
  const isInput = Object.values(project.config.features).some((feature) => "target" in feature);
  const reading = readingOf(project);
  if (maskTarget(project.config.data["train"]?.target) !== undefined) {
    if (isInput || reading !== "positions") {
      throw wrong("The loss compares the prediction with a mask.", "Give the image's mask too.");
    }
    return; // the prediction is explained, whatever the mask that fills the place
  }
  if (isInput || (reading !== "probabilities" && reading !== "none")) {
    throw wrong(
      `The loss compares the prediction with a target, and the example has none.`,
      `Give a row with ${listNames(train.target)} too.`,
    );
  }
  const [first] = await train.read(0, 1);
  for (const column of train.target) {
    const value = first && fieldOf(first, column);
    if (value !== undefined) {
      fields.set(column, value);
    }
  }
}

/** A mask of one pixel, which is resized to any size: one class that counts everywhere. */
function neutralMask(values: readonly number[] = [0, 1], ignored: number | undefined): Uint8Array {
  const value = values.find((each) => each !== ignored && each < 256);
  if (value === undefined) {
    throw wrong("Its mask cannot be left out here.", "Give the image's mask too.");
  }
  return encodePng({ width: 1, height: 1, channels: 1, data: Uint8Array.of(value) });
}

function wrong(message: string, remedy: string): TracInError {
  return new TracInError("data", message, { file: "new example" }, remedy);
}
