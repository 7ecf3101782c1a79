import type { Attribute, Node } from "../graph/graph.ts";
import { intAttribute } from "../graph/graph.ts";
import { int64, sameShape, type Tensor, toNumbers } from "../graph/tensor.ts";
import { type Rewritten, withAxis } from "./fold-operators.ts";
import type { Observation, Pair } from "./observation.ts";

/** A Gather of one place along an axis. */
interface Lookup {
  readonly of: string;
  readonly axis: number;
  readonly place: number;
  /** Places along the axis. */
  readonly size: number;
}

/**
 * The nodes with lookups that take an axis apart, place by place (such as queries, keys and values of one product), as the
 * parts of one Split: the gradient of those is one Concat, that of the lookups as many padded tensors, all added up.
 *
 * @param known values that are the same whatever the data and the weights
 */
export function useSplits(
  nodes: readonly Node[],
  known: ReadonlySet<string>,
  observation: Observation,
): Rewritten {
  const constants = new Map<string, Tensor>();
  const values = new Map<string, Pair>();
  const lookups = new Map<Node, Lookup>();
  const placesOf = new Map<string, Set<number>>();
  for (const node of nodes) {
    const lookup = known.has(node.inputs[1] ?? "") ? lookupOf(node, observation) : undefined;
    if (lookup !== undefined) {
      lookups.set(node, lookup);
      const places = placesOf.get(splitName(lookup)) ?? new Set();
      placesOf.set(splitName(lookup), places.add(lookup.place));
    }
  }
  const split = new Set<string>();
  const rewritten = nodes.flatMap((node): readonly Node[] => {
    const lookup = lookups.get(node);
    const name = lookup && splitName(lookup);
    if (lookup === undefined || name === undefined || placesOf.get(name)?.size !== lookup.size) {
      return [node];
    }
    const { axis, size, of, place } = lookup;
    const part = (index: number) => `${name}/${index}`;
    const output = node.outputs[0] as string;
    constants.set(`${name}/axis`, int64([1], [axis]));
    values.set(part(place), withAxis(observation.get(output) as Pair, axis));
    const squeeze: Node = {
      op: "Squeeze",
      name: node.name,
      inputs: [part(place), `${name}/axis`],
      outputs: [output],
      attributes: {},
    };
    if (split.has(name)) {
      return [squeeze];
    }
    split.add(name);
    constants.set(`${name}/sizes`, int64([size], new Array<number>(size).fill(1)));
    const along: Attribute = { type: "int", value: axis };
    const whole: Node = {
      op: "Split",
      name,
      inputs: [of, `${name}/sizes`],
      outputs: Array.from({ length: size }, (_, index) => part(index)),
      attributes: { axis: along },
    };
    return [whole, squeeze];
  });
  return { nodes: rewritten, constants, values };
}

/** The name of the Split of an axis; no exporter writes such names. */
function splitName({ of, axis }: Lookup): string {
  return `${of}/tracin.places.${axis}`;
}

function lookupOf(node: Node, observation: Observation): Lookup | undefined {
  const [of = "", index = ""] = node.inputs;
  const [whole, places] = [observation.get(of), observation.get(index)];
  if (node.op !== "Gather" || whole === undefined || places === undefined) {
    return undefined;
  }
  const { shape } = whole.atTwo;
  const given = intAttribute(node, "axis", 0);
  const axis = given < 0 ? given + shape.length : given;
  const size = shape[axis] ?? 0;
  const isScalar = sameShape(places.atTwo.shape, []) && sameShape(places.atThree.shape, []);
  if (!isScalar || size < 2 || whole.atThree.shape[axis] !== size) {
    return undefined;
  }
  const [two = 0, three] = [...toNumbers(places.atTwo), ...toNumbers(places.atThree)];
  return two === three ? { of, axis, size, place: two < 0 ? two + size : two } : undefined;
}
