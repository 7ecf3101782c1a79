import { counted } from "../counted.ts";
import type { Engine, Program, Values } from "../engines/engine.ts";
import { TracInError } from "../errors.ts";
import type { Graph, ValueInfo, ValueType } from "../graph/graph.ts";
import type { DataType, Shape, Tensor } from "../graph/tensor.ts";
import { expandModel } from "./expand.ts";
import { foldGraph } from "./fold.ts";
import type { Model } from "./model.ts";
import type { Observation, Pair } from "./observation.ts";

/** The model with its shape arithmetic folded away and the static type of every value known. */
export interface ProbedModel {
  readonly model: Model;
  /**
   * The folded graph: only nodes that depend on inputs or weights remain; Identity and Dropout are gone. Its inputs
   * and outputs have the sizes of the feeds, and the symbol `"batch"` where a size is the batch's.
   */
  readonly graph: Graph;
  /** Type of any value of `graph` at a batch size; sizes are affine in the batch. */
  typeAt(value: string, batch: number): ValueType;
}

/**
 * Runs the model at batch sizes 2 and 3 with every value an output, and folds its graph (see `foldGraph`).
 *
 * @param feeds valid values of all the model's inputs for `batch` examples, the batch on the first axis; all sizes
 *   but the batch must be those that the model will meet later.
 *
 * Throws kind `model` when the feeds do not fit the inputs, when the batch size is fixed in the file, and when the
 * model cannot be run at these batch sizes.
 */
export async function probeModel(
  given: Model,
  engine: Engine,
  feeds: (batch: number) => Values,
): Promise<ProbedModel> {
  const [two, three] = [feeds(2), feeds(3)];
  const sized = given.sized?.(new Map([...two].map(([name, { shape }]) => [name, shape]))) ?? given;
  for (const input of sized.graph.inputs) {
    checkInput(sized, input, two.get(input.name)?.shape, three.get(input.name)?.shape);
  }
  const model = await expandModel(sized, engine, two, three);
  const observation = await observe(model, engine, two, three);
  const { graph: folded, values } = foldGraph(model, observation);
  const types = new Map([...values].map(([name, pair]) => [name, pairType(pair)]));
  const describe = (info: ValueInfo): ValueInfo => {
    const type = types.get(info.name);
    return type
      ? { name: info.name, dtype: type.dtype, shape: symbolicShape(info.name, type) }
      : info;
  };
  const graph: Graph = {
    ...folded,
    inputs: folded.inputs.map(describe),
    outputs: folded.outputs.map(describe),
  };
  return {
    model,
    graph,
    typeAt(value: string, batch: number): ValueType {
      const type = types.get(value);
      if (!type) {
        throw new TracInError("internal", `The model has no value "${value}".`);
      }
      const shape = type.two.map(
        (size, axis) => size + (batch - 2) * ((type.three[axis] ?? size) - size),
      );
      return { dtype: type.dtype, shape };
    },
  };
}

/** A value's shapes at batch sizes 2 and 3. */
interface TypePair {
  readonly dtype: DataType;
  readonly two: Shape;
  readonly three: Shape;
}

function pairType({ atTwo, atThree }: Pair): TypePair {
  return { dtype: atTwo.dtype, two: atTwo.shape, three: atThree.shape };
}

function symbolicShape(name: string, { two, three }: TypePair): readonly (number | string)[] {
  return two.map((size, axis) => {
    if (size === three[axis]) {
      return size;
    }
    return size === 2 && three[axis] === 3 ? "batch" : `${name}.${axis}`;
  });
}

/** The feeds must fit the declared shape, and the axis of the batch must be free. */
function checkInput(model: Model, input: ValueInfo, two?: Shape, three?: Shape): void {
  const place = { file: model.file, tensor: input.name };
  if (!two || !three) {
    throw new TracInError(
      "model",
      `The model has an input "${input.name}" for which there is no feature.`,
      place,
      "Give it one under features in tracin.json.",
    );
  }
  const declared = formatDeclared(input.shape);
  if (two.length !== input.shape.length) {
    throw new TracInError(
      "model",
      `The input "${input.name}" has shape ${declared}, the data gives ${formatDeclared(["batch", ...two.slice(1)])}.`,
      place,
      "Change the features in tracin.json so that they have the input's shape.",
    );
  }
  for (const [axis, size] of input.shape.entries()) {
    if (typeof size === "string" || (size === two[axis] && size === three[axis])) {
      continue;
    }
    if (two[axis] !== three[axis]) {
      throw fixedBatch(
        `The input "${input.name}" has shape ${declared}: its batch size is fixed at ${size}.`,
        input.name,
        place,
      );
    }
    throw new TracInError(
      "model",
      `The input "${input.name}" has shape ${declared}, the data gives ${two[axis]} instead of ${size} on axis ${axis}.`,
      place,
      "Change the features in tracin.json so that they have the input's shape.",
    );
  }
}

function formatDeclared(shape: readonly (number | string)[]): string {
  return `[${shape.join(", ")}]`;
}

function fixedBatch(
  message: string,
  input: string,
  place: TracInError["place"],
  cause?: unknown,
): TracInError {
  return new TracInError(
    "model",
    message,
    place,
    `Export the model again with a free batch axis for every input and output: torch.onnx.export(..., dynamic_axes={"${input}": {0: "batch"}, ...}), and take sizes from x.shape[0] instead of numbers in its forward method.`,
    { cause },
  );
}

/** Every value of the model's graph at both batch sizes. */
async function observe(
  model: Model,
  engine: Engine,
  two: Values,
  three: Values,
): Promise<Observation> {
  const { graph } = model;
  const values = graph.nodes.flatMap((node) => node.outputs).filter((output) => output !== "");
  // The engine infers types and shapes; these are placeholders.
  const outputs = values.map((name): ValueInfo => ({ name, dtype: "float32", shape: [] }));
  // Unoptimised: fusions have little to do where every value is asked for, and onnxruntime 1.30 crashes on some of
  // them (a Gather whose indices are a Range that is an output too).
  const program = await engine.compile(
    { ...graph, outputs },
    { optimise: false, keepsMemory: false },
  );
  try {
    const atTwo = await runAt(model, program, two, 2);
    const atThree = await runAt(model, program, three, 3);
    const observation = new Map<string, Pair>();
    const observed = new Map<string, Tensor>([...graph.initializers, ...two, ...atTwo]);
    for (const [name, tensor] of observed) {
      const again = atThree.get(name) ?? three.get(name) ?? tensor;
      observation.set(name, { atTwo: tensor, atThree: again });
    }
    checkRanks(model, observation);
    return observation;
  } finally {
    await program.dispose();
  }
}

async function runAt(
  model: Model,
  program: Program,
  feeds: Values,
  batch: number,
): Promise<Values> {
  try {
    return await program.run(feeds);
  } catch (cause) {
    const error = TracInError.from(cause);
    throw fixedBatch(
      `The model cannot be run on a batch of ${counted(batch, "example")}: ${error.message}`,
      model.graph.inputs[0]?.name ?? "input",
      { ...error.place, file: model.file },
      cause,
    );
  }
}

/** A value whose rank changes with the batch has no type that could be told ahead. */
function checkRanks(model: Model, observation: Observation): void {
  for (const node of model.graph.nodes) {
    for (const output of node.outputs) {
      const pair = observation.get(output);
      if (pair && pair.atTwo.shape.length !== pair.atThree.shape.length) {
        throw new TracInError(
          "model",
          `The rank of "${output}" depends on the batch size.`,
          { file: model.file, node: `${node.name} (${node.op})` },
          "Give squeeze() and similar calls the axis that they mean.",
        );
      }
    }
  }
}
