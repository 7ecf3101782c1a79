import { TracInError } from "../errors.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { placeOfNode } from "../graph/place.ts";
import { formatShape, sizeOf, type Tensor } from "../graph/tensor.ts";
import type { Values } from "./engine.ts";

/** Refuses a graph whose nodes use values that nothing has made before. */
export function checkOrder(graph: Graph): void {
  const known = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  for (const node of graph.nodes) {
    for (const name of node.inputs) {
      if (name !== "" && !known.has(name)) {
        throw missingValue(name, node);
      }
    }
    for (const name of node.outputs) {
      known.add(name);
    }
  }
}

/** The feeds of a graph's inputs. Throws kind `engine` when one is missing or has another shape than declared. */
export function checkFeeds(graph: Graph, feeds: Values): Map<string, Tensor> {
  const fed = new Map<string, Tensor>();
  for (const input of graph.inputs) {
    const tensor = feeds.get(input.name);
    if (tensor !== undefined) {
      checkShape(input, tensor);
      fed.set(input.name, tensor);
    } else if (!graph.initializers.has(input.name)) {
      throw new TracInError("engine", `No value was fed for the input "${input.name}".`);
    }
  }
  return fed;
}

/** A node uses a value that is not there. */
export function missingValue(name: string, node: Node): TracInError {
  return new TracInError(
    "engine",
    `The value "${name}" is used before it is made`,
    placeOfNode(node),
  );
}

function checkShape(input: ValueInfo, tensor: Tensor): void {
  const fits =
    input.shape.length === tensor.shape.length &&
    input.shape.every((size, axis) => typeof size === "string" || size === tensor.shape[axis]) &&
    tensor.data.length === sizeOf(tensor.shape);
  if (!fits) {
    throw new TracInError(
      "engine",
      `The input "${input.name}" wants the shape [${input.shape.join(", ")}], not ${formatShape(tensor.shape)}.`,
    );
  }
}
