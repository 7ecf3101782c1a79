import { sizeOf } from "../../graph/tensor.ts";
import type { GradientRule } from "../gradient.ts";
import {
  constantInts,
  inputShape,
  onlyGradient,
  outputShape,
  padOrCrop,
  unsupported,
  whereWanted,
} from "./rule.ts";
import { columnsWindow, offsets, windowSlice } from "./window.ts";

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
      const window = columnsWindow(c, kernel);
      const [batch = 1, channels = 1] = outputShape(c);
      const after = window.reach.map((count) => Math.max(0, count));
      const padded = padOrCrop(c, g, outputShape(c), [0, 0, ...window.before], [0, 0, ...after]);
      const seen = offsets(kernel).map((offset) =>
        c.builder.reshape(windowSlice(c.builder, padded, window, offset), [
          batch,
          channels,
          1,
          sizeOf(window.out),
        ]),
      );
      return c.builder.reshape(c.builder.op("Concat", seen, { axis: 2 }), inputShape(c, 0));
    });
  },
};
