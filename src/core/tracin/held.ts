import { sizeOf } from "../graph/tensor.ts";
import type { Forward } from "./forward.ts";

/** Operators whose output is their input under another shape: engines do not copy it. */
const views = new Set(["Reshape", "Identity", "Squeeze", "Unsqueeze", "Flatten"]);

/** Floats per example of the model's values that its backward pass and its sites read: they are held until then. */
export function heldFloats({ builder, graph, batch, type }: Forward): number {
  const roots = new Map<string, string>();
  const own = new Set<string>();
  const inner = new Set(graph.nodes);
  for (const node of graph.nodes) {
    const [input = ""] = node.inputs;
    for (const output of node.outputs) {
      own.add(output);
      roots.set(output, views.has(node.op) ? (roots.get(input) ?? input) : output);
    }
  }
  const held = new Set<string>();
  for (const node of builder.nodes) {
    for (const input of inner.has(node) ? [] : node.inputs) {
      const root = roots.get(input);
      if (root !== undefined && own.has(root)) {
        held.add(root);
      }
    }
  }
  return [...held].reduce((total, value) => total + sizeOf(type(value).shape), 0) / batch;
}
