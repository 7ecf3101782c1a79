import type { KerasTensor, LayerContext, LayerFamily, LayerTranslator } from "../../layer.ts";
import { LayerConfig } from "../../settings.ts";
import type { Cell } from "./cell.ts";
import {
  type Recurrence,
  type RecurrentCall,
  recur,
  recurrentCall,
  recurrentClasses,
} from "./recurrence.ts";

/** A recurrent layer: its sequence or its last output, then its states. The mask goes on with a sequence. */
const recurrent: LayerTranslator = (context) => {
  const call = recurrentCall(context);
  const result = recur(context, call);
  const { outputs, cell, returnSequences, returnState, states } = result;
  const output = returnSequences ? withMask(cell.join(outputs), call.mask) : lastOf(result);
  return returnState ? [output, ...states] : [output];
};

/** Recurrent layers, unrolled over the time steps of the data, and Bidirectional. */
export const recurrentLayers: LayerFamily = {
  ...Object.fromEntries(recurrentClasses.map((className) => [className, recurrent])),

  /** One layer forwards and one backwards over the same sequence. Masked steps give zeros in sequences. */
  Bidirectional: (context) => {
    const { layer } = context;
    const call = recurrentCall(context);
    const merge = mergeMode(context);
    const [there, back] = directions(context, call);
    const { returnSequences, returnState } = there;
    if (there.backwards === back.backwards) {
      throw context.error("Both layers go the same way.", "Save the model again with Keras.");
    }
    layer.ignore("layer", "backward_layer", "weights");
    const [y, reverse] = returnSequences
      ? [there.cell.join(there.outputs), back.cell.join(back.outputs.toReversed())]
      : [lastOf(there), lastOf(back)];
    const outputs = (merge === null ? [y, reverse] : [merged(context, merge, y, reverse)]).map(
      (tensor) => (returnSequences ? withMask(tensor, call.mask) : tensor),
    );
    return returnState ? [...outputs, ...there.states, ...back.states] : outputs;
  },
};

/** The two layers of a Bidirectional, each unrolled; the states are shared out by halves. */
function directions(
  context: LayerContext,
  { x, initial, mask }: RecurrentCall,
): readonly [Recurrence, Recurrence] {
  const forward = context.layer.layer("layer");
  const given = context.layer.raw("backward_layer");
  const backward =
    given === undefined ? turned(forward) : new LayerConfig(given, context.layer.file);
  const half = initial.length / 2;
  const run = (layer: LayerConfig, direction: "forward" | "backward", from: number) => {
    if (!recurrentClasses.includes(layer.className)) {
      throw context.error(
        `A layer of class "${layer.className}" in both directions is not read.`,
        "Use SimpleRNN, LSTM, GRU or RNN inside Bidirectional and save the model again, or export the model to ONNX.",
      );
    }
    const plain = layer.name.replace(new RegExp(`^${direction}_`), "");
    const scope = {
      attributes: [`${direction}_layer`],
      names: [`${direction}_${plain}`, layer.name, ""],
    };
    const inner = context.child(layer, scope, { args: [x], kwargs: {} });
    const states = initial.slice(from, from + half);
    const result = recur(inner, { x, initial: states, mask }, (sequences) => sequences);
    layer.checkAllRead();
    return result;
  };
  return [run(forward, "forward", 0), run(backward, "backward", half)];
}

/** The layer with its direction turned round, as Bidirectional copies it. */
function turned(layer: LayerConfig): LayerConfig {
  const backwards = !layer.bool("go_backwards", false);
  return new LayerConfig(
    { class_name: layer.className, config: { ...layer.settings, go_backwards: backwards } },
    layer.file,
  );
}

type Merge = "concat" | "sum" | "ave" | "mul";

function mergeMode({ layer }: LayerContext): Merge | null {
  // null is a mode of its own, and the default is "concat".
  return Object.hasOwn(layer.settings, "merge_mode") && !layer.has("merge_mode")
    ? null
    : layer.choice<Merge>("merge_mode", ["concat", "sum", "ave", "mul"], "concat");
}

function merged(context: LayerContext, merge: Merge, a: KerasTensor, b: KerasTensor): KerasTensor {
  const { builder } = context;
  const [left, right] = [context.plain(a), context.plain(b)];
  if (merge === "concat") {
    const axis = a.shape.length - 1;
    const width = Number(a.shape[axis]) + Number(b.shape[axis]);
    const joined = builder.op("Concat", [left, right], { axis });
    return context.tensor(joined, a.shape.with(axis, width));
  }
  const value = merge === "mul" ? builder.mul(left, right) : builder.add2(left, right);
  return context.tensor(merge === "ave" ? builder.mul(value, builder.scalar(0.5)) : value, a.shape);
}

function withMask(tensor: KerasTensor, mask: string | undefined): KerasTensor {
  return mask === undefined ? tensor : { ...tensor, mask };
}

function lastOf({ cell, outputs }: { readonly cell: Cell; readonly outputs: readonly string[] }) {
  return cell.leave(outputs.at(-1) ?? "");
}
