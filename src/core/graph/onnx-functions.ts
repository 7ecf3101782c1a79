import onnxProto, { type onnx } from "onnx-proto";
import { counted } from "../counted.ts";
import { type ErrorPlace, TracInError } from "../errors.ts";
import { inlineBranches } from "./onnx-branches.ts";
import { toSafeNumber } from "./onnx-tensors.ts";
import { messages } from "./protobuf.ts";

const { AttributeProto } = onnxProto.onnx;
const { AttributeType } = AttributeProto;

/** Functions that call each other deeper than this, or that become more nodes, are no model that anybody trained. */
const deepest = 64;
const mostNodes = 1_000_000;

const remedy =
  "Inline the functions with onnx.inliner.inline_local_functions, or export the model with torch.onnx.export(..., dynamo=False).";

export function isDefaultDomain(domain: string | null | undefined): boolean {
  return !domain || domain === "ai.onnx";
}

/**
 * The nodes of a model's graph, with every call of a function that the file defines replaced by the function's nodes: parameters by what the
 * call gives, attributes by those of the call or the function's defaults, and everything inside named after the call; branches as
 * `inlineBranches` says.
 *
 * @param bytes the file, for the defaults, which came after our protobuf library's version
 *
 * Throws kind `model` naming file and node: functions that call themselves, are written in another operator set than the model, or are defined
 * twice (overloads).
 */
export function inlineFunctions(
  model: onnx.IModelProto,
  bytes: Uint8Array,
  file: string,
): readonly onnx.INodeProto[] {
  const nodes = inlineBranches(model.graph?.node ?? [], file);
  const functions = readFunctions(model, bytes, file);
  if (functions.size === 0) {
    return nodes;
  }
  checkSize(nodes, functions, file);
  const result: onnx.INodeProto[] = [];
  const prefixes = new Set<string>();
  const visit = (node: onnx.INodeProto, index: number): void => {
    const called = functions.get(keyOf(node.domain, node.opType));
    if (called === undefined) {
      result.push(node);
      return;
    }
    const name = nameOf(node, index);
    let prefix = name;
    for (let count = 1; prefixes.has(prefix); count++) {
      prefix = `${name}_${count}`;
    }
    prefixes.add(prefix);
    bodyOf(called, node, prefix, placeOf(node, index, file)).forEach(visit);
  };
  nodes.forEach(visit);
  return result;
}

/** Refuses functions that call themselves, or that become too many nodes, before anything is inlined. */
function checkSize(
  nodes: readonly onnx.INodeProto[],
  functions: ReadonlyMap<string, ModelFunction>,
  file: string,
): void {
  const sizes = new Map<string, number>();
  const sizeOf = (node: onnx.INodeProto, index: number, callers: readonly string[]): number => {
    const key = keyOf(node.domain, node.opType);
    const called = functions.get(key);
    const known = called === undefined ? 1 : sizes.get(key);
    if (called === undefined || known !== undefined) {
      return known ?? 1;
    }
    if (callers.includes(key) || callers.length >= deepest) {
      throw refusal(`The function ${node.opType} calls itself.`, placeOf(node, index, file));
    }
    const size = total(called.proto.node ?? [], [...callers, key]);
    sizes.set(key, size);
    return size;
  };
  const total = (body: readonly onnx.INodeProto[], callers: readonly string[]): number =>
    body.reduce((sum, node, index) => sum + sizeOf(node, index, callers), 0);
  if (total(nodes, []) > mostNodes) {
    throw refusal("The functions of the model become too many nodes.", { file });
  }
}

function nameOf(node: onnx.INodeProto, index: number): string {
  return node.name || `${node.opType}_${index}`;
}

function placeOf(node: onnx.INodeProto, index: number, file: string): ErrorPlace {
  return { file, node: `${nameOf(node, index)} (${node.opType})` };
}

interface ModelFunction {
  readonly proto: onnx.IFunctionProto;
  readonly defaults: ReadonlyMap<string, onnx.IAttributeProto>;
}

function readFunctions(
  model: onnx.IModelProto,
  bytes: Uint8Array,
  file: string,
): ReadonlyMap<string, ModelFunction> {
  const versions = new Map(
    (model.opsetImport ?? []).map(({ domain, version }) => [domainOf(domain), Number(version)]),
  );
  const functions = new Map<string, ModelFunction>();
  // ModelProto.functions and FunctionProto.attribute_proto.
  const raw = (model.functions ?? []).length === 0 ? [] : [...messages(bytes, 25)];
  for (const [index, proto] of (model.functions ?? []).entries()) {
    const key = keyOf(proto.domain, proto.name);
    const place = { file, node: proto.name ?? "" };
    if (functions.has(key)) {
      throw refusal(`The model defines the function ${proto.name} more than once.`, place);
    }
    const ours = (proto.opsetImport ?? []).find(({ domain }) => isDefaultDomain(domain))?.version;
    const theirs = versions.get("");
    if (ours !== undefined && ours !== null && toSafeNumber(ours) !== theirs) {
      throw refusal(
        `The function ${proto.name} is written in operator set ${ours}, the model in ${theirs}.`,
        place,
      );
    }
    const defaults = [...messages(raw[index] ?? new Uint8Array(), 11)].map((attribute) =>
      AttributeProto.decode(new Uint8Array(attribute)),
    );
    functions.set(key, {
      proto: { ...proto, node: inlineBranches(proto.node ?? [], file) },
      defaults: new Map(defaults.map((attribute) => [attribute.name, attribute])),
    });
  }
  return functions;
}

/** The nodes of a function, as the call `node` makes them. */
function bodyOf(
  { proto, defaults }: ModelFunction,
  node: onnx.INodeProto,
  prefix: string,
  place: ErrorPlace,
): readonly onnx.INodeProto[] {
  const values = new Map<string, string>();
  (proto.input ?? []).forEach((name, index) => {
    values.set(name, node.input?.[index] ?? "");
  });
  if ((node.input ?? []).length > (proto.input ?? []).length) {
    throw refusal(`The function takes ${counted((proto.input ?? []).length, "input")}.`, place);
  }
  const copies: onnx.INodeProto[] = [];
  (proto.output ?? []).forEach((name, index) => {
    const given = node.output?.[index] ?? "";
    if (given === "") {
      return;
    }
    const passed = values.get(name);
    if (passed === undefined) {
      values.set(name, given);
    } else {
      // An output that is an input, or that was an output before.
      copies.push({ opType: "Identity", name: prefix, input: [passed], output: [given] });
    }
  });
  const renamed = (name: string): string => {
    if (name === "") {
      return "";
    }
    const known = values.get(name) ?? `${prefix}/${name}`;
    values.set(name, known);
    return known;
  };
  const given = new Map(
    (node.attribute ?? []).map((attribute) => [attribute.name ?? "", attribute]),
  );
  const body = (proto.node ?? []).map((inner, index): onnx.INodeProto => {
    const attribute = (inner.attribute ?? []).flatMap((each): onnx.IAttributeProto[] => {
      if (each.type === AttributeType.GRAPH || each.type === AttributeType.GRAPHS) {
        return [each];
      }
      const reference = each.refAttrName ?? "";
      if (reference === "") {
        return [each];
      }
      const value = given.get(reference) ?? defaults.get(reference);
      // Without a value it is as if the operator's own attribute had been left out.
      return value === undefined ? [] : [{ ...value, name: each.name ?? "" }];
    });
    return {
      opType: inner.opType ?? "",
      domain: inner.domain ?? "",
      name: `${prefix}/${nameOf(inner, index)}`,
      input: (inner.input ?? []).map(renamed),
      output: (inner.output ?? []).map(renamed),
      attribute,
    };
  });
  return [...body, ...copies];
}

function keyOf(domain: string | null | undefined, name: string | null | undefined): string {
  return `${domainOf(domain)}:${name ?? ""}`;
}

function domainOf(domain: string | null | undefined): string {
  return isDefaultDomain(domain) ? "" : (domain ?? "");
}

function refusal(message: string, place: ErrorPlace): TracInError {
  return new TracInError("model", message, place, remedy);
}
