import onnxProto, { type onnx } from "onnx-proto";
import { type ErrorPlace, TracInError } from "../errors.ts";
import type { Graph, Node, ValueInfo } from "./graph.ts";
import { decodeAttributes, encodeAttribute } from "./onnx-attributes.ts";
import type { ReadExternal } from "./onnx-external.ts";
import { inlineFunctions, isDefaultDomain } from "./onnx-functions.ts";
import { type Origins, readOrigins } from "./onnx-origins.ts";
import {
  decodeTensor,
  decodeType,
  encodeTensor,
  encodeType,
  toSafeNumber,
} from "./onnx-tensors.ts";
import type { Tensor } from "./tensor.ts";

const { ModelProto } = onnxProto.onnx;

/** The version of the file format that we write; every onnxruntime since 1.10 reads it. */
const irVersion = 8;

export interface EncodeOptions {
  /** `false` writes the outputs by name alone and leaves their types to the reader's inference. */
  readonly outputTypes?: boolean;
  /** Entries of the file's metadata. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/** What an ONNX file holds. */
export interface DecodedModel {
  readonly graph: Graph;
  /** `metadata_props` of the file. */
  readonly metadata: ReadonlyMap<string, string>;
  /** What the newer exporter of PyTorch says of values and nodes. */
  readonly origins: Origins;
}

/** The graph as the bytes of an ONNX `ModelProto`; weights are copied once, as raw little-endian bytes. */
export function encodeGraph(graph: Graph, options: EncodeOptions = {}): Uint8Array {
  return ModelProto.encode({
    irVersion,
    producerName: "tracin",
    opsetImport: [{ domain: "", version: graph.opset }],
    metadataProps: [...(options.metadata ?? [])].map(([key, value]) => ({ key, value })),
    graph: {
      name: "graph",
      node: graph.nodes.map(encodeNode),
      input: graph.inputs.map(encodeValueInfo),
      output: graph.outputs.map((output) =>
        options.outputTypes === false ? { name: output.name } : encodeValueInfo(output),
      ),
      initializer: [...graph.initializers].map(([name, tensor]) => encodeTensor(tensor, name)),
    },
  }).finish();
}

/**
 * The graph of an ONNX file, its operators as they are written (`importOnnx` converts them to our operator set),
 * and its metadata. Functions of the file are inlined.
 *
 * Initializers that old files repeat as inputs are initializers only. Nodes without a name, or with a repeated
 * one, get a name of their own. An unnamed dimension gets the symbol `<value>.<axis>`; an output whose shape the
 * file does not tell has shape `[]` here until the model is probed.
 *
 * Throws kind `model`, naming `file` and the tensor or node: damaged or truncated bytes, data in other files that
 * `external` cannot read,
 * operators of other domains, functions that cannot be inlined, loops, values that are used before they are made.
 */
export function decodeModel(
  bytes: Uint8Array,
  file: string,
  external?: ReadExternal,
): DecodedModel {
  const model = decodeBytes(bytes, file);
  const proto = model.graph;
  if (!proto || (proto.node ?? []).length === 0) {
    throw new TracInError("model", "The file holds no ONNX graph.", { file }, damaged);
  }
  const version = (model.opsetImport ?? []).find(({ domain }) => isDefaultDomain(domain))?.version;
  if (version === undefined || version === null) {
    throw new TracInError(
      "model",
      "The model does not name its ONNX operator set.",
      { file },
      damaged,
    );
  }
  if ((proto.sparseInitializer ?? []).length > 0) {
    const tensor = proto.sparseInitializer?.[0]?.values?.name ?? "";
    throw new TracInError("model", "Sparse weights are not supported.", { file, tensor });
  }
  const origins = readOrigins(bytes);
  const initializers = decodeInitializers(proto.initializer ?? [], file, external);
  const graph: Graph = {
    inputs: (proto.input ?? [])
      .filter(({ name }) => !initializers.has(name ?? ""))
      .map((info) => decodeValueInfo(info, "input", file)),
    outputs: (proto.output ?? []).map((info) => decodeValueInfo(info, "output", file)),
    nodes: decodeNodes(inlineFunctions(model, bytes, file), file, origins),
    initializers,
    opset: toSafeNumber(version),
  };
  checkNames(graph, file);
  const metadata = new Map(
    (model.metadataProps ?? []).map(({ key, value }) => [key ?? "", value ?? ""]),
  );
  return { graph, metadata, origins };
}

const damaged = "The file is damaged or is not an ONNX model. Export it again.";

function decodeBytes(bytes: Uint8Array, file: string): onnx.ModelProto {
  try {
    // A plain view: the protobuf reader treats a Buffer differently.
    return ModelProto.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new TracInError("model", `The ONNX model cannot be read: ${detail}.`, { file }, damaged, {
      cause,
    });
  }
}

function unsupportedFunction(message: string, place: ErrorPlace): TracInError {
  return new TracInError(
    "model",
    message,
    place,
    "Only operators of the ONNX standard are supported. Export the model with torch.onnx.export(..., dynamo=False) and without custom operators.",
  );
}

function decodeInitializers(
  protos: readonly onnx.ITensorProto[],
  file: string,
  external: ReadExternal | undefined,
): Map<string, Tensor> {
  const initializers = new Map<string, Tensor>();
  for (const proto of protos) {
    const name = proto.name ?? "";
    if (name === "" || initializers.has(name)) {
      const message = name === "" ? "A weight has no name." : "Two weights have the same name.";
      throw new TracInError("model", message, { file, tensor: name }, damaged);
    }
    initializers.set(name, decodeTensor(proto, { file, tensor: name }, external));
  }
  return initializers;
}

function encodeNode(node: Node): onnx.INodeProto {
  return {
    opType: node.op,
    name: node.name,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, value]) => encodeAttribute(name, value)),
  };
}

function decodeNodes(
  protos: readonly onnx.INodeProto[],
  file: string,
  { modules }: Origins,
): Node[] {
  const taken = new Set<string>();
  return protos.map((proto, index) => {
    const op = proto.opType ?? "";
    const given = proto.name || `${op}_${index}`;
    const module = modules.get(proto.output?.[0] ?? "");
    // As the older exporter names nodes, so that messages tell the module.
    let name = module === undefined ? given : `/${module.replaceAll(".", "/")}/${given}`;
    while (taken.has(name)) {
      name = `${name}_${index}`;
    }
    taken.add(name);
    const place = { file, node: `${name} (${op})` };
    if (!isDefaultDomain(proto.domain)) {
      throw unsupportedFunction(
        `The operator ${op} belongs to the domain "${proto.domain}".`,
        place,
      );
    }
    return {
      op,
      name,
      inputs: proto.input ?? [],
      outputs: proto.output ?? [],
      attributes: decodeAttributes(proto.attribute ?? [], place),
    };
  });
}

function encodeValueInfo(info: ValueInfo): onnx.IValueInfoProto {
  const dim = info.shape.map((size) =>
    typeof size === "number" ? { dimValue: size } : { dimParam: size },
  );
  const tensorType = { elemType: encodeType(info.dtype), shape: { dim } };
  return { name: info.name, type: { tensorType } };
}

function decodeValueInfo(proto: onnx.IValueInfoProto, kind: string, file: string): ValueInfo {
  const name = proto.name ?? "";
  const place = { file, tensor: name };
  const type = proto.type?.tensorType;
  if (!type) {
    throw new TracInError("model", `The model's ${kind} is not a tensor.`, place);
  }
  if (!type.shape && kind === "input") {
    throw new TracInError(
      "model",
      "The model does not say the shape of this input.",
      place,
      "Export it again, with dynamic_axes for the batch alone.",
    );
  }
  const shape = (type.shape?.dim ?? []).map((dimension, axis) => {
    const size = toSafeNumber(dimension.dimValue ?? 0);
    // Some exporters write 0 or -1 for "any size".
    return size > 0 ? size : dimension.dimParam || `${name}.${axis}`;
  });
  return { name, dtype: decodeType(type.elemType ?? 0, place), shape };
}

/** Every value is made once and before it is used, as ONNX demands. */
function checkNames(graph: Graph, file: string): void {
  const known = new Set(graph.initializers.keys());
  const define = (name: string, place: ErrorPlace): void => {
    if (known.has(name)) {
      throw new TracInError("model", `The value "${name}" is made twice.`, place, damaged);
    }
    known.add(name);
  };
  for (const input of graph.inputs) {
    define(input.name, { file });
  }
  for (const node of graph.nodes) {
    const place = { file, node: `${node.name} (${node.op})` };
    const missing = node.inputs.find((input) => input !== "" && !known.has(input));
    if (missing !== undefined) {
      throw new TracInError(
        "model",
        `The value "${missing}" is used but not made.`,
        place,
        damaged,
      );
    }
    for (const output of node.outputs) {
      if (output !== "") {
        define(output, place);
      }
    }
  }
  const missing = graph.outputs.find((output) => !known.has(output.name));
  if (missing || graph.outputs.length === 0) {
    const message = missing ? "The model never makes this output." : "The model has no output.";
    throw new TracInError(
      "model",
      message,
      { file, ...(missing && { tensor: missing.name }) },
      damaged,
    );
  }
}
