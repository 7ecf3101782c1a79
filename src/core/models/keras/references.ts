import { TracInError } from "../../errors.ts";
import { isJsonObject, type Json, type JsonObject, objectAt } from "../../formats/json.ts";
import type { CallArgument, KerasTensor, LayerCall } from "./layer.ts";

/** The output of a call of a layer: its name, which call, which of the outputs. */
export interface Reference {
  readonly layer: string;
  readonly node: number;
  readonly tensor: number;
}

/** A call as the file writes it, its references not yet resolved. */
export interface SavedCall {
  readonly args: readonly Json[];
  readonly kwargs: JsonObject;
}

/** The calls in `inbound_nodes`, in the form of Keras 3 (`args`, `kwargs`) or Keras 2 (lists of `[layer, node, tensor, kwargs]`). */
export function savedCalls(nodes: Json | undefined): readonly SavedCall[] {
  return Array.isArray(nodes) ? nodes.map(savedCall) : [];
}

function savedCall(node: Json): SavedCall {
  if (isJsonObject(node) && Array.isArray(node["args"])) {
    const { kwargs } = node;
    return { args: node["args"], kwargs: isJsonObject(kwargs) ? kwargs : {} };
  }
  const single = entryOf(node);
  if (single) {
    return { args: [single.value], kwargs: single.kwargs };
  }
  if (Array.isArray(node)) {
    const entries = node.map((item: Json) => entryOf(item));
    const inputs = node.map((item: Json, index) => entries[index]?.value ?? item);
    const kwargs = Object.assign({}, ...entries.map((entry) => entry?.kwargs));
    return { args: [inputs.length === 1 ? (inputs[0] ?? null) : inputs], kwargs };
  }
  return { args: [node], kwargs: {} };
}

/** `[layer, node, tensor]` of Keras 2, with the keywords of the call behind it or not. */
interface Entry {
  readonly value: readonly Json[];
  readonly reference: Reference | undefined;
  readonly kwargs: JsonObject;
}

/** Stands in place of a layer's name before a plain value. */
const constant = "_CONSTANT_VALUE";

function entryOf(value: Json | undefined): Entry | undefined {
  if (!Array.isArray(value) || (value.length !== 3 && value.length !== 4)) {
    return undefined;
  }
  const [layer, node, tensor, kwargs] = value as readonly Json[];
  if (
    typeof layer !== "string" ||
    typeof node !== "number" ||
    (layer !== constant && typeof tensor !== "number")
  ) {
    return undefined;
  }
  return {
    value: value.slice(0, 3),
    reference: layer === constant ? undefined : { layer, node, tensor: Number(tensor) },
    kwargs: isJsonObject(kwargs) ? kwargs : {},
  };
}

/** The reference that a saved argument is; undefined for anything else. */
export function referenceOf(value: Json | undefined): Reference | undefined {
  if (isJsonObject(value) && value["class_name"] === "__keras_tensor__") {
    return entryOf(objectAt(value, "config")?.["keras_history"])?.reference;
  }
  return entryOf(value)?.reference;
}

/** The call with its references resolved. @throws kind `model` for values that Keras pickles or builds */
export function resolveCall(
  call: SavedCall,
  resolve: (reference: Reference) => KerasTensor,
): LayerCall {
  const argument = (value: Json): CallArgument => {
    const reference = referenceOf(value);
    if (reference !== undefined) {
      return resolve(reference);
    }
    if (Array.isArray(value)) {
      return value[0] === constant ? argument(value[2] ?? null) : value.map(argument);
    }
    if (isJsonObject(value)) {
      return unwrapped(value, argument);
    }
    if (
      value === null ||
      typeof value === "string" ||
      typeof value === "number" ||
      typeof value === "boolean"
    ) {
      return value;
    }
    return null;
  };
  return {
    args: call.args.map(argument),
    kwargs: Object.fromEntries(
      Object.entries(call.kwargs).map(([name, value]) => [name, argument(value)]),
    ),
  };
}

/** Tuples, slices and arrays, which Keras 3 wraps with their class. */
function unwrapped(value: JsonObject, argument: (value: Json) => CallArgument): CallArgument {
  const { class_name: name, config } = value;
  if (name === "__tuple__" && Array.isArray(value["items"])) {
    return value["items"].map(argument);
  }
  if ((name === "__numpy__" || name === "__tensor__") && isJsonObject(config)) {
    return argument(config["value"] ?? null);
  }
  if (name === "__lambda__" || name === "function") {
    throw new TracInError("model", "An argument of a call is a Python function.");
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, argument(item)] as const),
  );
}

/** All tensors among arguments, in order. */
export function tensorsIn(argument: CallArgument | undefined): readonly KerasTensor[] {
  if (typeof argument !== "object" || argument === null) {
    return [];
  }
  if (isTensor(argument)) {
    return [argument];
  }
  return (Array.isArray(argument) ? argument : Object.values(argument)).flatMap(tensorsIn);
}

/** True for a value of the network among the arguments of a call. */
export function isTensor(argument: CallArgument | undefined): argument is KerasTensor {
  return (
    typeof argument === "object" &&
    argument !== null &&
    !Array.isArray(argument) &&
    "value" in argument &&
    "order" in argument &&
    typeof argument.value === "string"
  );
}
