import { TracInError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";

/** Which parameters count: all, those of the last layer, or those whose names match a pattern (`*` any text). */
export type LayerChoice = "all" | "last" | readonly string[];

/**
 * The parameters that the layer choice keeps, in the model's order.
 *
 * @param graph the folded model graph, for the order in which layers come
 * @param parameters names of all trained parameters
 * @throws kind `config` when a pattern matches nothing
 */
export function chooseParameters(
  graph: Graph,
  parameters: readonly string[],
  choice: LayerChoice,
): readonly string[] {
  if (choice === "all") {
    return parameters;
  }
  if (choice === "last") {
    return ofLastLayer(graph, parameters);
  }
  for (const pattern of choice) {
    if (!parameters.some((name) => matches(pattern, name))) {
      throw new TracInError(
        "config",
        `The layer pattern "${pattern}" matches no parameter of the model.`,
        {},
        `Its parameters are: ${parameters.join(", ")}.`,
      );
    }
  }
  return parameters.filter((name) => choice.some((pattern) => matches(pattern, name)));
}

/** The module path of a parameter: its name without the last part (`encoder.fc1.weight`, `encoder/dense/kernel`). */
export function layerOf(parameter: string): string {
  const end = Math.max(parameter.lastIndexOf("."), parameter.lastIndexOf("/"));
  return end === -1 ? parameter : parameter.slice(0, end);
}

/** True when `name` is `pattern`, with `*` standing for any text, or lies in the module `pattern`. */
export function matches(pattern: string, name: string): boolean {
  const expression = pattern
    .split("*")
    .map((text) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  return new RegExp(`^${expression}([./].*)?$`).test(name);
}

function ofLastLayer(graph: Graph, parameters: readonly string[]): readonly string[] {
  const sources = new Map<string, ReadonlySet<string>>(
    parameters.map((name) => [name, new Set([name])]),
  );
  let last: string | undefined;
  for (const node of graph.nodes) {
    const own = node.inputs.flatMap((input) => [...(sources.get(input) ?? [])]);
    if (own.length === 0) {
      continue;
    }
    last = layerOf(own[0] as string);
    // A weight that is only moved about (Transpose, Split) is still that weight for the node that uses it.
    const isParameterOnly = node.inputs.every(
      (input) => input === "" || sources.has(input) || graph.initializers.has(input),
    );
    if (isParameterOnly) {
      for (const output of node.outputs) {
        sources.set(output, new Set(own));
      }
    }
  }
  return parameters.filter((name) => layerOf(name) === last);
}
