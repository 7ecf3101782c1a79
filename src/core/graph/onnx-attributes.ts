import onnxProto, { type onnx } from "onnx-proto";
import { type ErrorPlace, TracInError } from "../errors.ts";
import type { Attribute, Attributes } from "./graph.ts";
import { controlFlowRemedy } from "./onnx-branches.ts";
import { decodeTensor, encodeTensor, toSafeNumber } from "./onnx-tensors.ts";

const { AttributeType } = onnxProto.onnx.AttributeProto;
const utf8 = new TextDecoder();
const encoder = new TextEncoder();

/** The `AttributeProto` of a named attribute. */
export function encodeAttribute(name: string, attribute: Attribute): onnx.IAttributeProto {
  switch (attribute.type) {
    case "int":
      return { name, type: AttributeType.INT, i: attribute.value };
    case "float":
      return { name, type: AttributeType.FLOAT, f: attribute.value };
    case "string":
      return { name, type: AttributeType.STRING, s: encoder.encode(attribute.value) };
    case "ints":
      return { name, type: AttributeType.INTS, ints: [...attribute.value] };
    case "floats":
      return { name, type: AttributeType.FLOATS, floats: [...attribute.value] };
    case "strings": {
      const strings = attribute.value.map((text) => encoder.encode(text));
      return { name, type: AttributeType.STRINGS, strings };
    }
    case "tensor":
      return { name, type: AttributeType.TENSOR, t: encodeTensor(attribute.value) };
  }
}

/** The attributes of a node; throws kind `model` for those that the graph cannot say (subgraphs, sparse tensors). */
export function decodeAttributes(
  protos: readonly onnx.IAttributeProto[],
  place: ErrorPlace,
): Attributes {
  return Object.fromEntries(
    protos.map((proto): [string, Attribute] => [proto.name ?? "", decodeAttribute(proto, place)]),
  );
}

function decodeAttribute(proto: onnx.IAttributeProto, place: ErrorPlace): Attribute {
  switch (proto.type) {
    case AttributeType.INT:
      return { type: "int", value: toSafeNumber(proto.i ?? 0) };
    case AttributeType.FLOAT:
      return { type: "float", value: proto.f ?? 0 };
    case AttributeType.STRING:
      return { type: "string", value: utf8.decode(proto.s ?? new Uint8Array()) };
    case AttributeType.INTS:
      return { type: "ints", value: (proto.ints ?? []).map(toSafeNumber) };
    case AttributeType.FLOATS:
      return { type: "floats", value: proto.floats ?? [] };
    case AttributeType.STRINGS:
      return { type: "strings", value: (proto.strings ?? []).map((bytes) => utf8.decode(bytes)) };
    case AttributeType.TENSOR:
      return { type: "tensor", value: decodeTensor(proto.t ?? {}, place) };
    case AttributeType.GRAPH:
    case AttributeType.GRAPHS:
      throw new TracInError(
        "model",
        `The attribute "${proto.name}" is a subgraph: loops (Loop, Scan) are not supported.`,
        place,
        controlFlowRemedy,
      );
    default: {
      const type = AttributeType[proto.type ?? 0] ?? `number ${proto.type}`;
      throw new TracInError(
        "model",
        `The attribute "${proto.name}" has the unsupported type ${type}.`,
        place,
        "Export the model again with torch.onnx.export(..., dynamo=False).",
      );
    }
  }
}
