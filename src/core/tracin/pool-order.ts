import type { Node } from "../graph/graph.ts";

/** What {@link poolBeforeRelu} may ask and record. */
export interface PoolOrderContext {
  /** A name that no value has yet. */
  unique(stem: string): string;
  /** The name, of a value that is laid out like `like` and has its type. */
  record(value: string, like: string): string;
}

/**
 * The nodes with max(relu(x)) over a window said as relu(max(x)), which is the same number: relu never changes an order.
 * Relu and its gradient then pass over the pooled map alone, a quarter of the values for windows of 2 x 2. The gradient
 * is the same too: where the maximum is positive, x and relu(x) have it first in the same place; elsewhere relu passes nothing.
 *
 * @param results the graph's outputs, which stay what they are
 */
export function poolBeforeRelu(
  nodes: readonly Node[],
  results: ReadonlySet<string>,
  { unique, record }: PoolOrderContext,
): readonly Node[] {
  const uses = new Map<string, number>();
  for (const input of nodes.flatMap((node) => node.inputs)) {
    uses.set(input, (uses.get(input) ?? 0) + 1);
  }
  const relus = new Map(
    nodes.flatMap((node): [string, Node][] => {
      const [output = ""] = node.outputs;
      return node.op === "Relu" && uses.get(output) === 1 && !results.has(output)
        ? [[output, node]]
        : [];
    }),
  );
  const pools = nodes.filter(
    ({ op, inputs, outputs }) =>
      op === "MaxPool" && relus.has(inputs[0] ?? "") && (outputs[1] ?? "") === "",
  );
  const moved = new Set(pools.map(({ inputs }) => inputs[0]));
  return nodes.flatMap((node) => {
    const [input = "", output = ""] = [node.inputs[0], node.outputs[0]];
    if (node.op === "Relu" && moved.has(output)) {
      return [];
    }
    const relu = pools.includes(node) ? relus.get(input) : undefined;
    if (relu === undefined) {
      return [node];
    }
    const pooled = record(unique(`${output}/pooled`), output);
    return [
      { ...node, inputs: relu.inputs, outputs: [pooled] },
      { ...relu, inputs: [pooled], outputs: [output] },
    ];
  });
}
