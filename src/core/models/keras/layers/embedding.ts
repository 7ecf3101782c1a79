import { int64 } from "../../../graph/tensor.ts";
import type { KerasTensor, LayerContext, LayerFamily } from "../layer.ts";
import { maskAsFloat, notEqual } from "../masks.ts";
import { theInput } from "../shapes.ts";

/** Numbers of types in ONNX, as Cast takes them. */
const onnxInt64 = 7;

/** Layers at the start of a sequence model: tables of tokens, and masks. */
export const embedding: LayerFamily = {
  /**
   * y = rows of the table. With `mask_zero`, id 0 is masked for the layers behind; its row is looked up and trained like any
   * other (it has no gradient where every layer behind leaves masked steps out).
   */
  Embedding: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    if (layer.raw("lora_rank") !== undefined) {
      throw context.error(
        "The layer has low-rank updates (LoRA).",
        "Merge them into the table (save the model after loading without lora_rank), or export the model to ONNX.",
      );
    }
    layer.ignore("input_length");
    const [rows, width] = [layer.int("input_dim"), layer.int("output_dim")];
    const ids = asIds(context, x);
    const table = context.weight("embeddings", [rows, width]);
    const zero = layer.bool("mask_zero", false) ? builder.constant(int64([], [0])) : undefined;
    return context.tensor(builder.op("Gather", [table, ids], { axis: 0 }), [...x.shape, width], {
      mask: zero && context.rememberMask(notEqual(builder, ids, zero), x.shape.length),
    });
  },

  /** Steps of which every feature is `mask_value` are masked, and zero. */
  Masking: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const value = context.plain(x);
    const differs = notEqual(builder, value, builder.scalar(layer.number("mask_value", 0)));
    const most = builder.op(
      "ReduceMax",
      [maskAsFloat(builder, differs), builder.ints([x.shape.length - 1])],
      { keepdims: 1 },
    );
    const mask = builder.op("Greater", [most, builder.scalar(0)]);
    const kept = builder.mul(value, maskAsFloat(builder, mask));
    return context.tensor(kept, x.shape, {
      mask: context.rememberMask(
        builder.op("Squeeze", [mask, builder.ints([x.shape.length - 1])]),
        x.shape.length - 1,
      ),
    });
  },
};

/** Token ids as int64; Keras cuts off fractions of floating ids. */
function asIds(context: LayerContext, x: KerasTensor): string {
  const value = context.plain(x);
  return x.dtype === "int64" ? value : context.builder.op("Cast", [value], { to: onnxInt64 });
}
