import { intAttribute } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/tensor.ts";
import type { GradientRule } from "../gradient.ts";
import { input, inputShape, onlyGradient, positiveAxis, whereWanted, zeros } from "./rule.ts";

/** Rules of operators that pick elements by index. g is the gradient of the output. */
export const indexing: Readonly<Record<string, GradientRule>> = {
  /**
   * y = rows of x (along an axis) that the indices name: dx = 0, plus each row of g at the place that it came from.
   * ScatterElements and not ScatterND, whose additions to a repeated index may race in a threaded engine.
   */
  Gather: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const x = inputShape(c, 0);
      const axis = positiveAxis(intAttribute(c.node, "axis", 0), x.length);
      const count = sizeOf(inputShape(c, 1));
      const flat = x.map((size, index) => (index === axis ? count : size));
      const line = x.map((_, index) => (index === axis ? count : 1));
      const indices = c.builder.op("Expand", [
        c.builder.reshape(input(c, 1), line),
        c.builder.ints(flat),
      ]);
      return c.builder.op("ScatterElements", [zeros(c, x), indices, c.builder.reshape(g, flat)], {
        axis,
        reduction: "add",
      });
    });
  },
};
