import { TracInError } from "../errors.ts";
import { formatShape, sameShape, sizeOf } from "../graph/tensor.ts";
import type { Model, ModelWeight } from "../models/model.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { findNaming, type Naming } from "./naming.ts";

/** How a checkpoint's tensors and the model's weights belong together. */
export interface Match {
  /** Checkpoint tensor for each weight of the model (parameters and buffers). */
  readonly names: ReadonlyMap<string, string>;
  /** Weights that no checkpoint holds: constants of the architecture. They keep the model file's values. */
  readonly constants: readonly string[];
  /** Tensors of the checkpoint that the model does not use. */
  readonly surplus: readonly string[];
  /** Prefix that the checkpoint's names have and the model's have not. */
  readonly prefix: string;
}

export interface MatchOptions {
  /** `checkpoints.prefix` of the configuration; found by best fit where it is not given. */
  readonly prefix?: string | undefined;
  /** True for weights that may be missing from the checkpoint, such as frozen ones. */
  readonly optional?: ((name: string) => boolean) | undefined;
}

/**
 * Finds the tensor of a checkpoint for each weight of the model, by name.
 *
 * Wrappers leave prefixes (`module.`, `model.`, `_orig_mod.`): the one under which most weights are found with
 * their shape is taken, unless it is configured.
 *
 * A weight that is missing is an error, with one exception, since exporters store constants of the architecture
 * as initializers too: a name that no module gives (`onnx::Mul_7`, `/Constant_output_0`, `val_3`) is taken for a
 * constant when no unused floating tensor of the checkpoint has as many elements. So a trained weight that the
 * exporter renamed (`onnx::MatMul_12` for a transposed `fc.weight`) is reported and never silently frozen.
 *
 * Throws kind `checkpoint`, naming the tensor, both shapes and the file.
 */
export function matchCheckpoint(
  model: Model,
  checkpoint: Checkpoint,
  options: MatchOptions = {},
): Match {
  const wanted = model.weights.filter(({ role }) => role !== "constant");
  const naming = findNaming(wanted, checkpoint, options.prefix);
  const names = new Map<string, string>();
  const missing: ModelWeight[] = [];
  for (const weight of wanted) {
    const name = naming.tensorFor(weight.name);
    if (name === undefined) {
      missing.push(weight);
    } else {
      names.set(weight.name, name);
    }
  }
  const used = new Set(names.values());
  const surplus = [...checkpoint.tensors.keys()].filter(
    (name) => !used.has(name) && !name.endsWith("num_batches_tracked"),
  );
  const absent = missing.filter(
    (weight) => !options.optional?.(weight.name) && !isConstant(weight, surplus, checkpoint),
  );
  if (absent.length > 0) {
    throw missingError(absent, wanted, surplus, naming, model, checkpoint);
  }
  checkShapes(wanted, names, model, checkpoint);
  return { names, constants: missing.map(({ name }) => name), surplus, prefix: naming.prefix };
}

/**
 * Matches every checkpoint of a series. The constants must be the same everywhere: a weight that only some
 * checkpoints hold is an error.
 */
export function matchCheckpoints(
  model: Model,
  checkpoints: readonly Checkpoint[],
  options: MatchOptions = {},
): readonly Match[] {
  const matches = checkpoints.map((checkpoint) => matchCheckpoint(model, checkpoint, options));
  for (const [index, match] of matches.entries()) {
    const lost = match.constants.find((name) => matches.some((other) => other.names.has(name)));
    if (lost !== undefined) {
      throw new TracInError(
        "checkpoint",
        `The tensor "${lost}" is missing here, but other checkpoints hold it.`,
        { file: checkpoints[index]?.file ?? "", tensor: lost },
        "Use checkpoints of one training run and one architecture.",
      );
    }
  }
  return matches;
}

/** Names that PyTorch modules cannot give: made by an exporter for a value of the graph. */
const exporterName = /[/:]|^(val|const|constant|_val|_const)_?\d*$|^\d+$|^$/i;

function isConstant(
  weight: ModelWeight,
  surplus: readonly string[],
  checkpoint: Checkpoint,
): boolean {
  return (
    exporterName.test(weight.name) &&
    !surplus.some((name) => {
      const tensor = checkpoint.tensors.get(name);
      return (
        tensor?.dtype.includes("float") === true && sizeOf(tensor.shape) === sizeOf(weight.shape)
      );
    })
  );
}

function missingError(
  absent: readonly ModelWeight[],
  wanted: readonly ModelWeight[],
  surplus: readonly string[],
  naming: Naming,
  model: Model,
  checkpoint: Checkpoint,
): TracInError {
  const [first] = absent;
  const place = { file: checkpoint.file, ...(first ? { tensor: first.name } : {}) };
  const unused = surplus.length > 0 ? ` Unused in the checkpoint: ${list(surplus)}.` : "";
  if (absent.length === wanted.length) {
    return new TracInError(
      "checkpoint",
      `No tensor of the checkpoint fits the model ${model.file}${naming.configured ? ` with the prefix "${naming.prefix}"` : ""}. The model has ${list(wanted.map(({ name }) => name))}.${unused}`,
      place,
      naming.configured
        ? 'Correct "checkpoints.prefix" in tracin.json, or remove it.'
        : 'Use checkpoints of this model, or set "checkpoints.prefix" in tracin.json.',
    );
  }
  const renamed = first !== undefined && exporterName.test(first.name);
  return new TracInError(
    "checkpoint",
    `The model ${model.file} has the weight "${first?.name}" of shape ${formatShape(first?.shape ?? [])}, but the checkpoint has no tensor of that name.${absent.length > 1 ? ` Also missing: ${list(absent.slice(1).map(({ name }) => name))}.` : ""}${unused}`,
    place,
    renamed
      ? "The exporter renamed this weight: export the model again with the script of TracIn: Export PyTorch Model, which keeps the names."
      : "Export the model from the same code that wrote the checkpoint.",
  );
}

function checkShapes(
  wanted: readonly ModelWeight[],
  names: ReadonlyMap<string, string>,
  model: Model,
  checkpoint: Checkpoint,
): void {
  for (const weight of wanted) {
    const name = names.get(weight.name) ?? "";
    const tensor = checkpoint.tensors.get(name);
    if (!tensor) {
      continue;
    }
    if (!sameShape(tensor.shape, weight.shape)) {
      throw new TracInError(
        "checkpoint",
        `The tensor has the shape ${formatShape(tensor.shape)}, but the model ${model.file} has ${formatShape(weight.shape)}.`,
        { file: checkpoint.file, tensor: name },
        "Use a checkpoint and a model of the same architecture.",
      );
    }
    if (!tensor.dtype.includes("float")) {
      throw new TracInError(
        "checkpoint",
        `The tensor holds ${tensor.dtype}; the model ${model.file} has floating-point weights.`,
        { file: checkpoint.file, tensor: name },
        "Save the weights before quantising them.",
      );
    }
  }
}

/** A few names, quoted. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name.slice(0, 80)));
  return names.length > 5 ? `${shown.join(", ")} and ${names.length - 5} more` : shown.join(", ");
}
