import { differentiate } from "../autodiff/differentiate.ts";
import { TracInError } from "../errors.ts";
import type { Node } from "../graph/graph.ts";
import { float32, isFloat, sizeOf } from "../graph/tensor.ts";
import type { Forward } from "./forward.ts";
import { layerOf } from "./layers.ts";
import { Lifted, lifts } from "./lifted.ts";
import { weightNodes } from "./views.ts";

/**
 * Gradients with respect to weights that arithmetic makes of parameters (weight normalisation, a scaled weight, exp of a
 * temperature), pulled back to the parameters, for each example: reverse mode through the parameter-only nodes with one
 * more axis in front, along which the examples lie. The values on the way are those of the one model, repeated.
 *
 * @param weights gradient [batch, elements] of each computed weight, in the order in which it is stored
 * @param parameters their elements follow each other in the result
 * @returns [batch, elements of all parameters], and how many floats an example takes on the way
 * @throws kind `model` for an operator that cannot be followed
 */
export function pullBackComputed(
  forward: Forward,
  weights: ReadonlyMap<string, string>,
  parameters: readonly string[],
): { readonly value: string; readonly floatsPerExample: number } {
  const { builder, batch } = forward;
  const lifted = new Lifted(forward);
  const nodes = new Set([...weights.keys()].flatMap((weight) => weightNodes(forward, weight)));
  const virtual: Node[] = [];
  for (const node of forward.graph.nodes.filter((each) => nodes.has(each))) {
    if (node.outputs.some((output) => output !== "" && isFloat(forward.type(output).dtype))) {
      virtual.push(...liftNode(lifted, node, parameters));
    }
  }
  const seeds = new Map(
    [...weights].map(([weight, gradient]) => {
      const shape = [batch, ...forward.type(weight).shape];
      return [lifted.value(weight), builder.reshape(gradient, shape)];
    }),
  );
  const gradients = differentiate(
    builder,
    { ...forward.graph, nodes: virtual, initializers: builder.initializers },
    (value) => lifted.type(value),
    seeds,
    parameters.map((name) => lifted.value(name)),
  );
  const flat = parameters.map((name) => {
    const size = sizeOf(forward.type(name).shape);
    const gradient = gradients.get(lifted.value(name));
    return gradient === undefined
      ? builder.constant(float32([batch, size], new Float32Array(batch * size)))
      : builder.reshape(gradient, [batch, size]);
  });
  const [first = ""] = flat;
  return {
    value: flat.length === 1 ? first : builder.op("Concat", flat, { axis: 1 }),
    // Each value on the way and its gradient.
    floatsPerExample: 2 * lifted.floatsPerExample(),
  };
}

function liftNode(lifted: Lifted, node: Node, parameters: readonly string[]): readonly Node[] {
  const nodes = lifts.get(node.op)?.(lifted, node);
  if (nodes === undefined) {
    throw new TracInError(
      "model",
      `A weight is computed from the parameters ${parameters.join(", ")} by the operator ${node.op}, through which a gradient per example cannot be followed.`,
      { node: `${node.name} (${node.op})`, layer: layerOf(parameters[0] ?? node.name) },
      'Export the model with the computed weight as parameter, or leave the layer out with "layers" in tracin.json.',
    );
  }
  return nodes;
}
