import { intAttribute, type Node } from "../../graph/graph.ts";
import { sizeOf, toNumbers } from "../../graph/tensor.ts";
import { int } from "../conversion.ts";
import type { Expansion } from "./expansion.ts";

/**
 * Lists of tensors whose places are known, as the newer exporter of PyTorch writes chunk, split and unbind: SplitToSequence
 * becomes a Split, whose parts SequenceAt takes by their names.
 */
export const sequences = { SplitToSequence: splitToSequence, SequenceAt: sequenceAt };

function partOf(sequence: string, index: number): string {
  return `${sequence}[${index}]`;
}

function splitToSequence({ node, sizes, constant, add, value, fail }: Expansion): readonly Node[] {
  const [x = "", split = ""] = node.inputs;
  const [sequence = ""] = node.outputs;
  const shape = sizes(x);
  const given = intAttribute(node, "axis", 0);
  const axis = given < 0 ? given + shape.length : given;
  const size = shape[axis];
  if (size === undefined) {
    return fail("A list of one tensor for each example is not supported.");
  }
  const lengths = split === "" ? undefined : constant(split);
  if (split !== "" && lengths === undefined) {
    return fail("The lengths of the parts are not constant.");
  }
  const parts =
    lengths === undefined || lengths.shape.length === 0
      ? chunks(size, lengths === undefined ? 1 : (toNumbers(lengths)[0] ?? 0))
      : toNumbers(lengths);
  if (parts.length === 0 || parts.reduce((sum, part) => sum + part, 0) !== size) {
    return fail(`${size} entries cannot be split into parts of ${parts.join(", ")}.`);
  }
  const names = parts.map((_, index) => partOf(sequence, index));
  const counts = add("split", {
    dtype: "int64",
    shape: [parts.length],
    data: BigInt64Array.from(parts, BigInt),
  });
  const keeps = split !== "" || intAttribute(node, "keepdims", 1) !== 0;
  const whole = keeps ? names : names.map(() => value("part"));
  const made: Node = {
    op: "Split",
    name: node.name,
    inputs: [x, counts],
    outputs: whole,
    attributes: { axis: int(axis) },
  };
  const axes = keeps
    ? ""
    : add("axes", { dtype: "int64", shape: [1], data: BigInt64Array.of(BigInt(axis)) });
  const squeezed = whole.map(
    (part, index): Node => ({
      op: "Squeeze",
      name: names[index] ?? "",
      inputs: [part, axes],
      outputs: [names[index] ?? ""],
      attributes: {},
    }),
  );
  // The list keeps its number of parts, for places counted from the end.
  const count = add("count", {
    dtype: "int64",
    shape: [],
    data: BigInt64Array.of(BigInt(parts.length)),
  });
  const list: Node = {
    op: "Identity",
    name: `${node.name}/list`,
    inputs: [count],
    outputs: [sequence],
    attributes: {},
  };
  return keeps ? [made, list] : [made, ...squeezed, list];
}

function chunks(size: number, length: number): readonly number[] {
  const count = length > 0 ? Math.ceil(size / length) : 0;
  return Array.from({ length: count }, (_, index) => Math.min(length, size - index * length));
}

function sequenceAt({ node, constant, producer, fail }: Expansion): readonly Node[] {
  const [sequence = "", place = ""] = node.inputs;
  const list = producer(sequence);
  const count = list?.op === "Identity" ? constant(list.inputs[0] ?? "") : undefined;
  const index = constant(place);
  if (count === undefined || index === undefined || sizeOf(index.shape) !== 1) {
    return fail("Only parts of a split, taken by a constant place, are supported.");
  }
  const [total = 0, given = 0] = [...toNumbers(count), ...toNumbers(index)];
  const at = given < 0 ? given + total : given;
  if (at < 0 || at >= total) {
    return fail(`The list has no part ${given}, only ${total}.`);
  }
  return [{ ...node, op: "Identity", inputs: [partOf(sequence, at)] }];
}
