import { type Node, stringAttribute } from "../../graph/graph.ts";
import { int } from "../conversion.ts";
import { Expander, type Expansion, type Size } from "./expansion.ts";

/** A value with a letter for each of its axes. */
interface Term {
  readonly value: string;
  readonly letters: readonly string[];
}

/**
 * Einsum as products: letters of one operand alone that the result lacks are summed over first; two operands are multiplied by
 * one batched MatMul (by Mul where nothing is summed), more from the left to the right.
 *
 * Throws kind `model` for a letter that stands twice in one term (a diagonal).
 */
export function einsum(expansion: Expansion): readonly Node[] {
  const { node } = expansion;
  const nodes = new Expander(expansion);
  const equation = stringAttribute(node, "equation", "");
  const { inputs, output } = parse(expansion, equation);
  const sizes = new Map<string, Size>();
  const terms = node.inputs.map((value, index): Term => {
    const letters = inputs[index] ?? [];
    for (const [axis, size] of expansion.sizes(value).entries()) {
      const letter = letters[axis] ?? "";
      // An axis of 1 may meet a longer one only under an ellipsis.
      if (!sizes.has(letter) || sizes.get(letter) === 1) {
        sizes.set(letter, size);
      }
    }
    return { value, letters };
  });
  const [first, ...others] = terms;
  let result = first ?? expansion.fail("The Einsum has no operand.");
  others.forEach((term, index) => {
    const kept = new Set([...output, ...others.slice(index + 1).flatMap(({ letters }) => letters)]);
    result = contract(nodes, sizes, result, term, kept);
  });
  result = sumOut(nodes, result, (letter) => output.includes(letter));
  return nodes.end("Transpose", [result.value], {
    perm: { type: "ints", value: output.map((letter) => result.letters.indexOf(letter)) },
  });
}

function parse(
  { node, sizes, fail }: Expansion,
  equation: string,
): { readonly inputs: readonly (readonly string[])[]; readonly output: readonly string[] } {
  const [left = "", right] = equation.replaceAll(" ", "").split("->");
  const terms = left.split(",");
  if (terms.length !== node.inputs.length) {
    return fail(`The equation "${equation}" has ${terms.length} terms for ${node.inputs.length}.`);
  }
  // Letters of an ellipsis are counted from the right, as it broadcasts.
  let widest = 0;
  const spelt = terms.map((term, index) => {
    const rank = sizes(node.inputs[index] ?? "").length;
    const dots = term.includes("...") ? rank - (term.length - 3) : 0;
    widest = Math.max(widest, dots);
    return { term, dots, rank };
  });
  const ellipsis = (count: number): string[] =>
    Array.from({ length: count }, (_, index) => `.${count - index}`);
  const letters = (term: string, dots: number): string[] => {
    const [before = "", after] = term.split("...");
    return after === undefined ? [...before] : [...before, ...ellipsis(dots), ...after];
  };
  const inputs = spelt.map(({ term, dots }) => letters(term, dots));
  if (inputs.some((term, index) => term.length !== spelt[index]?.rank)) {
    return fail(`The equation "${equation}" does not fit the ranks of its operands.`);
  }
  const all = inputs.flat();
  const implicit = [...new Set(all.filter((letter) => !letter.startsWith(".")))]
    .filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter))
    .sort();
  const output = right === undefined ? [...ellipsis(widest), ...implicit] : letters(right, widest);
  if ([...inputs, output].some((term) => new Set(term).size !== term.length)) {
    return fail(
      `The equation "${equation}" names an axis twice in one term, which is not supported.`,
      "Write it with torch.diagonal or as a product.",
    );
  }
  return { inputs, output };
}

/** Sums over the letters that are not kept. */
function sumOut(nodes: Expander, term: Term, isKept: (letter: string) => boolean): Term {
  const axes = term.letters.flatMap((letter, axis) => (isKept(letter) ? [] : [axis]));
  if (axes.length === 0) {
    return term;
  }
  const value = nodes.apply("ReduceSum", [term.value, nodes.ints("axes", axes)], {
    keepdims: int(0),
  });
  return { value, letters: term.letters.filter(isKept) };
}

function contract(
  nodes: Expander,
  sizes: ReadonlyMap<string, Size>,
  one: Term,
  other: Term,
  kept: ReadonlySet<string>,
): Term {
  const summedOne = sumOut(nodes, one, (x) => kept.has(x) || other.letters.includes(x));
  const summedOther = sumOut(nodes, other, (x) => kept.has(x) || one.letters.includes(x));
  const isOpen = (letter: string): boolean => sizes.get(letter) === undefined;
  // The operand with the examples, if only one has them, comes first: its batch axis then leads, and the other is broadcast.
  const swap =
    summedOther.letters.some((x) => isOpen(x) && !summedOne.letters.includes(x)) &&
    !summedOne.letters.some(isOpen);
  const [a, b] = swap ? [summedOther, summedOne] : [summedOne, summedOther];
  const shared = a.letters.filter((letter) => b.letters.includes(letter));
  const batch = shared.filter((letter) => kept.has(letter));
  const inner = shared.filter((letter) => !kept.has(letter));
  const own = a.letters.filter((letter) => !shared.includes(letter));
  const added = b.letters.filter((letter) => !shared.includes(letter));
  const lead = own.filter(isOpen);
  const rows = own.filter((letter) => !isOpen(letter));
  if (inner.length === 0) {
    const letters = [...lead, ...batch, ...rows, ...added];
    return {
      value: nodes.apply("Mul", [aligned(nodes, a, letters), aligned(nodes, b, letters)]),
      letters,
    };
  }
  const merge = (
    term: Term,
    before: readonly string[],
    ...groups: (readonly string[])[]
  ): string => {
    const ordered = nodes.transpose(
      term.value,
      [...before, ...groups.flat()].map((letter) => term.letters.indexOf(letter)),
    );
    return groups.every((group) => group.length === 1)
      ? ordered
      : nodes.reshape(ordered, [
          ...before.map((letter) => sizes.get(letter)),
          ...groups.map((group) => sizeOfAll(nodes, sizes, group)),
        ]);
  };
  if (batch.length === 0) {
    // A matrix, so that the axes of the first operand stay apart.
    const before = [...lead, ...rows];
    const left = merge(a, before, inner);
    const product = nodes.apply("MatMul", [left, merge(b, [], inner, added)]);
    const letters = [...before, ...added];
    const value =
      added.length === 1
        ? product
        : nodes.reshape(
            product,
            letters.map((letter) => sizes.get(letter)),
          );
    return { value, letters };
  }
  const product = nodes.apply("MatMul", [
    merge(a, [...lead, ...batch], rows, inner),
    merge(b, batch, inner, added),
  ]);
  const letters = [...lead, ...batch, ...rows, ...added];
  const value =
    rows.length === 1 && added.length === 1
      ? product
      : nodes.reshape(
          product,
          letters.map((letter) => sizes.get(letter)),
        );
  return { value, letters };
}

/** The value with its axes in the order of `letters` and axes of 1 for those that it lacks. */
function aligned(nodes: Expander, term: Term, letters: readonly string[]): string {
  const own = letters.filter((letter) => term.letters.includes(letter));
  const ordered = nodes.transpose(
    term.value,
    own.map((letter) => term.letters.indexOf(letter)),
  );
  const missing = letters.flatMap((letter, axis) => (term.letters.includes(letter) ? [] : [axis]));
  return nodes.unsqueeze(ordered, ...missing);
}

function sizeOfAll(
  nodes: Expander,
  sizes: ReadonlyMap<string, Size>,
  letters: readonly string[],
): Size {
  return letters.reduce<Size>((product, letter) => {
    const size = sizes.get(letter);
    if (size === undefined && letters.length > 1) {
      nodes.expansion.fail("The Einsum sums over the examples of a batch.");
    }
    return product === undefined || size === undefined ? undefined : product * size;
  }, 1);
}
