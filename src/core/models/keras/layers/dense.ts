import { activate } from "../activations.ts";
import { contract, spellOut } from "../einsum.ts";
import type { KerasShape, LayerFamily } from "../layer.ts";
import { fixedSize, theInput } from "../shapes.ts";

/** Layers of products with a matrix. */
export const dense: LayerFamily = {
  /** y = activation(x kernel + bias) along the last axis. */
  Dense: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const units = layer.int("units");
    const width = fixedSize(context, x, x.shape.length - 1);
    const kernel = context.weight("kernel", [width, units]);
    let y = builder.matmul(context.plain(x), kernel);
    if (layer.bool("use_bias", true)) {
      y = builder.add2(y, context.weight("bias", [units]));
    }
    const shape = [...x.shape.slice(0, -1), units];
    return activate(context, context.tensor(y, shape, { mask: x.mask }));
  },

  /** y = activation(einsum(equation, x, kernel) + bias). */
  EinsumDense: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const equation = spellOut(context, layer.string("equation"), x.shape.length);
    const declared = layer.raw("output_shape");
    const sizes: readonly unknown[] = Array.isArray(declared) ? declared : [declared];
    const bySize = new Map<string, number | null>();
    for (const [axis, label] of [...equation.left].entries()) {
      bySize.set(label, x.shape[axis] ?? null);
    }
    // `output_shape` leaves the batch out, and the axes that dots stand for.
    const named = [...equation.output].slice(equation.output.length - sizes.length);
    for (const [index, label] of named.entries()) {
      const size = sizes[index];
      if (!bySize.has(label) && typeof size === "number") {
        bySize.set(label, size);
      }
    }
    const fixed = (label: string): number => {
      const size = bySize.get(label);
      if (typeof size !== "number") {
        throw context.error(
          `The size of the axis "${label}" is open.`,
          "Build the model with inputs of a fixed size and save it again.",
        );
      }
      return size;
    };
    const kernel = context.weight("kernel", [...equation.right].map(fixed));
    let y = contract(context, equation, context.plain(x), kernel, bySize);
    if (layer.raw("bias_axes") !== undefined) {
      const axes = layer.string("bias_axes");
      const first = Math.min(...[...axes].map((label) => equation.output.indexOf(label)));
      const along = [...equation.output.slice(Math.max(0, first))];
      const bias = along.map((label) => (axes.includes(label) ? fixed(label) : 1));
      y = builder.add2(y, context.weight("bias", bias));
    }
    const shape: KerasShape = [...equation.output].map((label) => bySize.get(label) ?? null);
    return activate(context, context.tensor(y, shape, { mask: x.mask }));
  },
};
