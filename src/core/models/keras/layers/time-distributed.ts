import type { KerasTensor, LayerContext, LayerFamily } from "../layer.ts";
import { maskAsFloat } from "../masks.ts";
import { checkKeywords, theInput } from "../shapes.ts";

/** Layers that would take the mask of the outer time axis for one of their own; Keras fails on them. */
const maskedAlone = /^(SimpleRNN|LSTM|GRU|RNN|Bidirectional|GlobalAveragePooling1D|Softmax)$/;

/** Wrappers that apply a layer along an axis. */
export const timeDistributed: LayerFamily = {
  /** The inner layer at every time step, with time folded into the batch. */
  TimeDistributed: (context) => {
    const { builder, layer } = context;
    checkKeywords(context, ["inputs", "mask"]);
    const x = theInput(context);
    const child = layer.layer("layer");
    const steps = context.size(x, 1);
    const folded = x.shape.slice(2).map((_, axis) => context.size(x, axis + 2));
    if (x.shape.length < 3) {
      throw context.error(
        "The layer takes [batch, time, ...].",
        "Save the model again with Keras.",
      );
    }
    const inner = context.tensor(
      builder.reshape(context.plain(x), [-1, ...folded]),
      [null, ...folded],
      { dtype: x.dtype, mask: innerMask(context, x, child.className, folded[0] ?? 1) },
    );
    const scope = { attributes: ["layer"], names: [child.name, ""] };
    return context.apply(child, scope, { args: [inner], kwargs: {} }).map((y) => {
      const sizes = y.shape.slice(1).map((_, axis) => context.size(y, axis + 1));
      const value = builder.reshape(context.plain(y), [-1, steps, ...sizes]);
      const mask = outerMask(context, x, y, steps);
      return context.tensor(value, [null, steps, ...sizes], { dtype: y.dtype, mask });
    });
  },
};

/** The mask of the inner layer's input: that of a time axis behind the folded one. */
function innerMask(
  context: LayerContext,
  { mask }: KerasTensor,
  className: string,
  length: number,
): string | undefined {
  if (mask === undefined) {
    return undefined;
  }
  if (context.maskRank(mask) === 2) {
    if (maskedAlone.test(className)) {
      throw context.error(
        `A masked sequence of sequences goes into a layer of class "${className}", on which Keras fails.`,
        "Mask the inner sequences (an Embedding with mask_zero=True inside the wrapped model) instead of the outer one.",
      );
    }
    return undefined;
  }
  return context.builder.reshape(mask, [-1, length]);
}

/** Keras 3 hands the mask on as it is; Keras 2 asks the inner layer, and takes any of its steps where that has none. */
function outerMask(
  context: LayerContext,
  x: KerasTensor,
  y: KerasTensor,
  steps: number,
): string | undefined {
  const { builder, version } = context;
  if (version === 3 || (x.mask !== undefined && context.maskRank(x.mask) === 2)) {
    return x.mask;
  }
  if (y.mask !== undefined) {
    const mask = builder.reshape(y.mask, [-1, steps, context.size(y, 1)]);
    return context.rememberMask(mask, 3);
  }
  if (x.mask === undefined) {
    return undefined;
  }
  const any = builder.op("ReduceMax", [maskAsFloat(builder, x.mask), builder.ints([2])], {
    keepdims: 0,
  });
  return builder.op("Greater", [any, builder.scalar(0)]);
}
