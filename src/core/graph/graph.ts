import type { DataType, Shape, Tensor } from "./tensor.ts";

/** An ONNX attribute, tagged with its type, because `1` and `1.0` are different attributes. */
export type Attribute =
  | { readonly type: "int"; readonly value: number }
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "ints"; readonly value: readonly number[] }
  | { readonly type: "floats"; readonly value: readonly number[] }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "tensor"; readonly value: Tensor };

/** Attributes of a node by name. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** One operator application. Values are referred to by name; an absent optional input is `""`. */
export interface Node {
  /** ONNX operator name (default domain), such as `MatMul`. */
  readonly op: string;
  /** Unique in its graph; exporters put the module path here (`/layer1/conv1/Conv`). */
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** A graph input or output. A dimension is a size, or a symbol such as `"batch"`. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly (number | string)[];
}

/** Static type of one value. */
export interface ValueType {
  readonly dtype: DataType;
  readonly shape: Shape;
}

/** A model or a compiled question: a topologically sorted list of ONNX operators. */
export interface Graph {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  /** Constants and weights by value name. */
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Version of the default operator set. */
  readonly opset: number;
}

/** The operator set in which every graph of our own is written (importers convert to it where meaning differs). */
export const opset = 18;

/** An integer attribute of a node, or the operator's default. */
export function intAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  return attribute?.type === "int" ? attribute.value : fallback;
}

/** A float attribute of a node, or the operator's default. */
export function floatAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  return attribute?.type === "float" ? attribute.value : fallback;
}

/** An integer-list attribute of a node, if present. */
export function intsAttribute(node: Node, name: string): readonly number[] | undefined {
  const attribute = node.attributes[name];
  return attribute?.type === "ints" ? attribute.value : undefined;
}

/** A string attribute of a node, or the operator's default. */
export function stringAttribute(node: Node, name: string, fallback: string): string {
  const attribute = node.attributes[name];
  return attribute?.type === "string" ? attribute.value : fallback;
}
