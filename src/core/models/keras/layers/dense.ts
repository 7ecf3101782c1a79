import { activate } from "../activations.ts";
import type { LayerFamily } from "../layer.ts";
import { theInput } from "../shapes.ts";

/** Layers of products with a matrix. */
export const dense: LayerFamily = {
  /** y = activation(x kernel + bias) along the last axis. */
  Dense: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const units = layer.int("units");
    const width = x.shape.at(-1);
    if (typeof width !== "number") {
      throw context.error(
        "The size of the input's last axis is open.",
        "Build the model with a fixed size there.",
      );
    }
    const kernel = context.weight("kernel", [width, units]);
    let y = builder.matmul(context.plain(x), kernel);
    if (layer.bool("use_bias", true)) {
      y = builder.add2(y, context.weight("bias", [units]));
    }
    const result = context.tensor(y, [...x.shape.slice(0, -1), units], { mask: x.mask });
    return activate(context, result);
  },
};
