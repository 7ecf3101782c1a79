import * as z from "zod";
import { TracInError } from "../errors.ts";
import { formatShape, type Tensor } from "../graph/tensor.ts";

/** What the script of TracIn: Export PyTorch Model records, since an ONNX graph has no place for it. */
export interface Recorded {
  /** Persistent buffers and frozen parameters, by their names in the state_dict. */
  readonly untrained: ReadonlySet<string>;
  /** Row of an embedding table that gets no gradient, by the name of the table. */
  readonly paddingRows: ReadonlyMap<string, number>;
  /** Names that are one tensor; files of older scripts do not say. */
  readonly ties: readonly (readonly string[])[] | undefined;
  /** Parameters in the order of the module; files of older scripts do not say. */
  readonly order: readonly string[] | undefined;
}

const key = "tracin";

const schema = z.object({
  version: z.literal(1),
  buffers: z.array(z.string()),
  frozen: z.array(z.string()),
  paddingRows: z.record(z.string(), z.int().nonnegative()),
  tied: z.array(z.array(z.string())).optional(),
  parameters: z.array(z.string()).optional(),
});

/**
 * What the metadata of an ONNX file says under the key `tracin`; undefined when there is no such key. Names that the
 * graph does not have belong to modules that it does not use.
 *
 * Throws kind `model` with `file` when the entry is not what the script writes, or names a row that a table has not.
 */
export function readMetadata(
  metadata: ReadonlyMap<string, string>,
  initializers: ReadonlyMap<string, Tensor>,
  file: string,
): Recorded | undefined {
  const text = metadata.get(key);
  if (text === undefined) {
    return undefined;
  }
  const { buffers, frozen, paddingRows, tied, parameters } = parse(text, file);
  const rows = new Map(Object.entries(paddingRows));
  for (const [name, row] of rows) {
    const shape = initializers.get(name)?.shape;
    if (shape !== undefined && !(shape.length === 2 && row < (shape[0] ?? 0))) {
      throw new TracInError(
        "model",
        `The metadata names row ${row} of this tensor as padding, but its shape is ${formatShape(shape)}.`,
        { file, tensor: name },
        remedy,
      );
    }
  }
  return {
    untrained: new Set([...buffers, ...frozen]),
    paddingRows: rows,
    ties: tied,
    order: parameters,
  };
}

const remedy = "Export the model again with TracIn: Export PyTorch Model.";

function parse(text: string, file: string): z.infer<typeof schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    const detail = issue ? `${issue.path.join(".")}: ${issue.message}` : "it is not JSON";
    throw new TracInError(
      "model",
      `The metadata "${key}" of the model cannot be read (${detail}).`,
      { file },
      remedy,
      { cause },
    );
  }
}
