import { intsAttribute } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/tensor.ts";
import type { GradientRule } from "../gradient.ts";
import {
  constantInts,
  inputShape,
  onlyGradient,
  outputShape,
  unsupported,
  whereWanted,
} from "./rule.ts";
import { offsets } from "./window.ts";

/** The rule of columns that are added up to an image (nn.Fold). */
export const folding: Readonly<Record<string, GradientRule>> = {
  /**
   * y = the columns x [batch, channels * kernel, positions] added up where their windows lie: dx = what each window sees of g,
   * one strided slice of the padded g for each kernel position.
   */
  Col2Im: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const kernel = constantInts(c, 2);
      if (kernel === undefined) {
        throw unsupported(c, "its block_shape is no constant");
      }
      const [batch = 1, channels = 1, ...size] = outputShape(c);
      const ones = kernel.map(() => 1);
      const strides = intsAttribute(c.node, "strides") ?? ones;
      const dilations = intsAttribute(c.node, "dilations") ?? ones;
      const pads = intsAttribute(c.node, "pads") ?? [...ones, ...ones].map(() => 0);
      const isPadded = pads.some((count) => count !== 0);
      const padded = isPadded
        ? c.builder.op(
            "Pad",
            [
              g,
              c.builder.ints([
                ...[0, 0, ...pads.slice(0, size.length)],
                ...[0, 0, ...pads.slice(size.length)],
              ]),
            ],
            { mode: "constant" },
          )
        : g;
      const reach = kernel.map((length, axis) => (dilations[axis] ?? 1) * (length - 1));
      const counts = size.map((length, axis) => {
        const whole = length + (pads[axis] ?? 0) + (pads[size.length + axis] ?? 0);
        return Math.floor((whole - (reach[axis] ?? 0) - 1) / (strides[axis] ?? 1)) + 1;
      });
      const seen = offsets(kernel).map((offset) => {
        const starts = offset.map((index, axis) => index * (dilations[axis] ?? 1));
        const ends = starts.map(
          (start, axis) => start + ((counts[axis] ?? 1) - 1) * (strides[axis] ?? 1) + 1,
        );
        const slice = c.builder.op("Slice", [
          padded,
          c.builder.ints(starts),
          c.builder.ints(ends),
          c.builder.ints(size.map((_, axis) => axis + 2)),
          c.builder.ints(strides),
        ]);
        return c.builder.reshape(slice, [batch, channels, 1, sizeOf(counts)]);
      });
      return c.builder.reshape(c.builder.op("Concat", seen, { axis: 2 }), inputShape(c, 0));
    });
  },
};
