import { TracInError } from "../../errors.ts";
import type { CallArgument, KerasTensor, LayerCall } from "./layer.ts";
import { isObject } from "./settings.ts";

/** The output of a call of a layer: its name, which call, which of the outputs. */
export interface Reference {
  readonly layer: string;
  readonly node: number;
  readonly tensor: number;
}

/** A call as the file writes it, its references not yet resolved. */
export interface SavedCall {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** The calls in `inbound_nodes`, in the form of Keras 3 (`args`, `kwargs`) or Keras 2 (lists of `[layer, node, tensor, kwargs]`). */
export function savedCalls(nodes: unknown): readonly SavedCall[] {
  return Array.isArray(nodes) ? nodes.map(savedCall) : [];
}

function savedCall(node: unknown): SavedCall {
  if (isObject(node) && Array.isArray(node["args"])) {
    return { args: node["args"], kwargs: isObject(node["kwargs"]) ? node["kwargs"] : {} };
  }
  if (isReference(node)) {
    return { args: [node.slice(0, 3)], kwargs: keywordsOf(node) };
  }
  if (Array.isArray(node)) {
    const kwargs = Object.assign({}, ...node.map((item) => keywordsOf(item)));
    const inputs = node.map((item) => (isReference(item) ? item.slice(0, 3) : item));
    return { args: [inputs.length === 1 ? inputs[0] : inputs], kwargs };
  }
  return { args: [node], kwargs: {} };
}

function keywordsOf(item: unknown): Readonly<Record<string, unknown>> {
  return isReference(item) && isObject(item[3]) ? item[3] : {};
}

/** `[layer, node, tensor]`, with the keywords of the call behind it or not. */
function isReference(value: unknown): value is readonly [string, number, unknown, unknown?] {
  return (
    Array.isArray(value) &&
    (value.length === 3 || value.length === 4) &&
    typeof value[0] === "string" &&
    Number.isInteger(value[1]) &&
    (Number.isInteger(value[2]) || value[0] === "_CONSTANT_VALUE")
  );
}

/** The reference that a saved argument is; undefined for anything else. */
export function referenceOf(value: unknown): Reference | undefined {
  if (isReference(value) && value[0] !== "_CONSTANT_VALUE") {
    return { layer: value[0], node: value[1], tensor: Number(value[2]) };
  }
  if (isObject(value) && value["class_name"] === "__keras_tensor__") {
    const history = isObject(value["config"]) ? value["config"]["keras_history"] : undefined;
    return isReference(history) ? referenceOf(history) : undefined;
  }
  return undefined;
}

/** All references in a saved argument, in order. */
export function referencesIn(value: unknown): readonly Reference[] {
  const reference = referenceOf(value);
  if (reference !== undefined) {
    return [reference];
  }
  const inner = Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
  return inner.flatMap(referencesIn);
}

/** The call with its references resolved. @throws kind `model` for values that Keras pickles or builds */
export function resolveCall(
  call: SavedCall,
  resolve: (reference: Reference) => KerasTensor,
): LayerCall {
  const argument = (value: unknown): CallArgument => {
    const reference = referenceOf(value);
    if (reference !== undefined) {
      return resolve(reference);
    }
    if (Array.isArray(value)) {
      return value[0] === "_CONSTANT_VALUE" ? argument(value[2]) : value.map(argument);
    }
    if (isObject(value)) {
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
function unwrapped(
  value: Readonly<Record<string, unknown>>,
  argument: (value: unknown) => CallArgument,
): CallArgument {
  const { class_name: name, config } = value;
  if (name === "__tuple__" && Array.isArray(value["items"])) {
    return value["items"].map(argument);
  }
  if ((name === "__numpy__" || name === "__tensor__") && isObject(config)) {
    return argument(config["value"]);
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
