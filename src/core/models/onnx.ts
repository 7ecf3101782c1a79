import { TracInError } from "../errors.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { decodeModel } from "../graph/onnx.ts";
import type { ReadExternal } from "../graph/onnx-external.ts";
import type { Origins } from "../graph/onnx-origins.ts";
import { float32, int64, isFloat, sizeOf, type Tensor } from "../graph/tensor.ts";
import { readMetadata } from "./metadata.ts";
import type { Model, ModelWeight } from "./model.ts";
import { toOurOpset } from "./opsets.ts";
import { withoutSorting } from "./packed.ts";

/**
 * The model of an ONNX file, in our operator set.
 *
 * - PyTorch's exporter merges initializers that are equal at export (fresh biases, batch-norm gammas) and writes
 *   `Identity` nodes named like the merged parameters: each becomes an initializer of its own again, so that later
 *   checkpoints find it.
 * - Buffers that are not in the state_dict, and lifted constants, as the newer exporter marks them: `constant`.
 * - `Constant` nodes become initializers.
 * - Examples that are sorted by length around a recurrent layer stay in their order (see `withoutSorting`).
 * - Roles of the floating initializers: read only as running mean or variance of batch normalisation, or marked in the
 *   file's metadata as buffer or frozen (see `readMetadata` and `readOrigins`): `buffer`. From a `Constant` node: `constant`. Names do not tell: constant folding renames and precomputes weights
 *   (`onnx::MatMul_12`), which stay candidates, so that a checkpoint without them is an error instead of a silent gap.
 *   All others: `parameter`, until the checkpoints are compared.
 *
 * @param external reads data that lies in files beside the model (see `externalData`)
 *
 * Throws kind `model` with `file`: see `decodeModel` and `toOurOpset`; also weights that are not float32.
 */
export function importOnnx(bytes: Uint8Array, file: string, external?: ReadExternal): Model {
  const { graph: decoded, metadata, origins } = decodeModel(bytes, file, external);
  const { graph: lifted, constants } = liftConstants(decoded, origins, file);
  const graph = withoutSorting(toOurOpset(lifted, file));
  const recorded = readMetadata(metadata, lifted.initializers, file);
  const buffers = [...origins.kinds].flatMap(([name, kind]) => (kind === "BUFFER" ? [name] : []));
  const untrained = new Set([...(recorded?.untrained ?? []), ...buffers]);
  const isComputed = (name: string): boolean => origins.kinds.size > 0 && !origins.kinds.has(name);
  const weights = findWeights(graph, lifted, constants, untrained).map((weight) =>
    weight.role === "parameter" && isComputed(weight.name) ? { ...weight, computed: true } : weight,
  );
  for (const { name, role, shape } of weights) {
    const dtype = lifted.initializers.get(name)?.dtype;
    // A single number may be an exporter's, on its way through a Cast.
    if (role !== "constant" && sizeOf(shape) > 1 && dtype !== "float32") {
      throw new TracInError(
        "model",
        `The weight has the type ${dtype}; TracIn computes in float32.`,
        { file, tensor: name },
        "Export the model in 32 bits: call model.float() before torch.onnx.export. The checkpoints may stay as they are.",
      );
    }
  }
  return {
    file,
    graph,
    weights,
    recorded: recorded !== undefined,
    paddingRows: recorded?.paddingRows ?? new Map(),
    ...(recorded?.ties === undefined ? {} : { ties: recorded.ties }),
    ...(recorded?.order === undefined ? {} : { order: recorded.order }),
  };
}

/** `Constant` nodes, and `Identity` nodes of initializers, as initializers; the names of those from constants. */
function liftConstants(
  graph: Graph,
  { kinds, transient }: Origins,
  file: string,
): { readonly graph: Graph; readonly constants: ReadonlySet<string> } {
  const initializers = new Map(graph.initializers);
  const constants = new Set(transient);
  for (const [name, kind] of kinds) {
    if (kind === "CONSTANT_TENSOR") {
      constants.add(name);
    }
  }
  const results = new Set(graph.outputs.map((output) => output.name));
  const nodes = graph.nodes.filter((node) => {
    const [input = "", output = ""] = [node.inputs[0], node.outputs[0]];
    if (output === "" || results.has(output)) {
      return true;
    }
    if (node.op === "Constant") {
      initializers.set(output, constantOf(node, file));
      constants.add(output);
      return false;
    }
    // The newer exporter merges nothing: there, an Identity is a copy.
    const mayBeMerged = node.op === "Identity" && (kinds.size === 0 || kinds.has(output));
    const merged = mayBeMerged ? initializers.get(input) : undefined;
    if (merged) {
      initializers.set(output, merged);
      if (constants.has(input)) {
        constants.add(output);
      }
    }
    return merged === undefined;
  });
  return { graph: { ...graph, nodes, initializers }, constants };
}

function constantOf(node: Node, file: string): Tensor {
  const { value, value_float, value_floats, value_int, value_ints } = node.attributes;
  if (value?.type === "tensor") {
    return value.value;
  }
  if (value_float?.type === "float") {
    return float32([], [value_float.value]);
  }
  if (value_floats?.type === "floats") {
    return float32([value_floats.value.length], value_floats.value);
  }
  if (value_int?.type === "int") {
    return int64([], [value_int.value]);
  }
  if (value_ints?.type === "ints") {
    return int64([value_ints.value.length], value_ints.value);
  }
  throw new TracInError("model", "The constant holds no numbers.", {
    file,
    node: `${node.name} (${node.op})`,
  });
}

/** The floating initializers of the file; those that the conversion of operators has added are none of its own. */
function findWeights(
  graph: Graph,
  file: Graph,
  constants: ReadonlySet<string>,
  untrained: ReadonlySet<string>,
): readonly ModelWeight[] {
  const uses = new Map<string, Use[]>();
  for (const { op, inputs } of graph.nodes) {
    for (const [position, input] of inputs.entries()) {
      const known = uses.get(input);
      if (known) {
        known.push({ op, position });
      } else {
        uses.set(input, [{ op, position }]);
      }
    }
  }
  return [...file.initializers]
    .filter(([, tensor]) => isFloat(tensor.dtype))
    .map(([name, { shape }]): ModelWeight => {
      const used = uses.get(name) ?? [];
      const isStatistic = used.length > 0 && used.every(isRunningStatistic);
      if (!constants.has(name) && (isStatistic || untrained.has(name))) {
        return { name, shape, role: "buffer" };
      }
      return { name, shape, role: constants.has(name) ? "constant" : "parameter" };
    });
}

interface Use {
  readonly op: string;
  readonly position: number;
}

function isRunningStatistic({ op, position }: Use): boolean {
  return op === "BatchNormalization" && position >= 3;
}
