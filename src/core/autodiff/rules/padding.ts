import { stringAttribute } from "../../graph/graph.ts";
import type { Shape } from "../../graph/tensor.ts";
import type { GradientRule, RuleContext } from "../gradient.ts";
import {
  constantInts,
  flip,
  inputShape,
  onlyGradient,
  outputShape,
  padOrCrop,
  positiveAxis,
  unsupported,
  whereWanted,
} from "./rule.ts";

/** The rule of padding. g is the gradient of the output. */
export const padding: Readonly<Record<string, GradientRule>> = {
  /**
   * y = x with a constant around it (or less of it, for negative pads): dx = the part of g that is x. Around it may also
   * lie the edge or the mirror image of x: the parts of g there are added where they come from.
   */
  Pad: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const { before, after } = padsOf(c);
      if (stringAttribute(c.node, "mode", "constant") === "constant") {
        const turned = (counts: readonly number[]) => counts.map((count) => -count);
        return padOrCrop(c, g, outputShape(c), turned(before), turned(after));
      }
      let value = g;
      let shape = outputShape(c);
      inputShape(c, 0).forEach((size, axis) => {
        const pieces = piecesOf(c, size, before[axis] ?? 0, after[axis] ?? 0);
        const parts = pieces.map((piece) => placed(c, value, shape, axis, size, piece));
        value = parts.reduce((sum, part) => c.builder.add2(sum, part));
        shape = shape.with(axis, size);
      });
      return value;
    });
  },
};

/** How many elements Pad adds before and after each axis. */
function padsOf(c: RuleContext): { before: readonly number[]; after: readonly number[] } {
  const x = inputShape(c, 0);
  const pads = constantInts(c, 1) ?? [];
  const axes = constantInts(c, 3) ?? x.map((_, axis) => axis);
  const before = x.map(() => 0);
  const after = x.map(() => 0);
  axes.forEach((axis, index) => {
    before[positiveAxis(axis, x.length)] = pads[index] ?? 0;
    after[positiveAxis(axis, x.length)] = pads[axes.length + index] ?? 0;
  });
  return { before, after };
}

/** Elements of g along an axis, and the place in x of the first of them. */
interface Piece {
  readonly from: number;
  readonly count: number;
  readonly to: number;
  /** Whether they stand there in the opposite order, or all come from that one place. */
  readonly change?: "flip" | "sum";
}

/** Where the elements around x come from: an axis of `size` with `left` and `right` elements added. */
const around: Readonly<
  Record<string, (size: number, left: number, right: number) => readonly Piece[]>
> = {
  edge: (size, left, right) => [
    { from: 0, count: left, to: 0, change: "sum" },
    { from: left + size, count: right, to: size - 1, change: "sum" },
  ],
  reflect: (size, left, right) => [
    { from: 0, count: left, to: 1, change: "flip" },
    { from: left + size, count: right, to: size - 1 - right, change: "flip" },
  ],
};

function piecesOf(c: RuleContext, size: number, left: number, right: number): readonly Piece[] {
  const mode = stringAttribute(c.node, "mode", "constant");
  const pieces = around[mode];
  const most = mode === "reflect" ? size - 1 : Number.POSITIVE_INFINITY;
  if (pieces === undefined || Math.min(left, right) < 0 || Math.max(left, right) > most) {
    throw unsupported(c, `its mode is "${mode}" with pads of ${left} and ${right} around ${size}`);
  }
  const own = { from: left, count: size, to: 0 };
  return [own, ...pieces(size, left, right).filter(({ count }) => count > 0)];
}

/** A piece of g among zeros, with the axis as long as in x. */
function placed(
  c: RuleContext,
  g: string,
  shape: Shape,
  axis: number,
  size: number,
  { from, count, to, change }: Piece,
): string {
  const { builder } = c;
  const bounds = [[from], [from + count], [axis]].map((values) => builder.ints(values));
  const cut = count === shape[axis] ? g : builder.op("Slice", [g, ...bounds]);
  const part =
    change === "flip"
      ? flip(c, cut, [axis])
      : change === "sum"
        ? builder.reduceSum(cut, [axis], true)
        : cut;
  const length = change === "sum" ? 1 : count;
  const before = shape.map((_, each) => (each === axis ? to : 0));
  const after = shape.map((_, each) => (each === axis ? size - to - length : 0));
  return padOrCrop(c, part, shape.with(axis, length), before, after);
}
