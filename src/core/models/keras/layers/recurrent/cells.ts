import { elementwiseActivation } from "../../activations.ts";
import type { LayerContext } from "../../layer.ts";
import { equalSizes, split } from "../../masks.ts";
import { type Cell, plus, projectVectors, vectorCell } from "./cell.ts";

/** The cell that a layer or a cell of Keras describes, for inputs of `width` features. */
export type CellMaker = (context: LayerContext, width: number) => Cell;

/** Makers by the class of the cell. */
export const cellMakers: Readonly<Record<string, CellMaker>> = {
  /** h' = activation(x W + b + h U). */
  SimpleRNNCell: (context, width) => {
    const { builder } = context;
    const { units, kernel, recurrent, bias } = weightsOf(context, width, 1);
    const activation = elementwiseActivation(context, "activation", "tanh");
    return {
      ...vectorCell(context, units),
      states: 1,
      project: (x, steps) => projectVectors(context, x, kernel, bias, steps),
      step: (x, [h]) => [activation(plus(context, x, h && builder.matmul(h, recurrent)))],
    };
  },

  /** Gates in Keras's order: input, forget, candidate, output. States: h, c. */
  LSTMCell: (context, width) => {
    const { builder } = context;
    const { units, kernel, recurrent, bias } = weightsOf(context, width, 4);
    const activation = elementwiseActivation(context, "activation", "tanh");
    const gate = elementwiseActivation(context, "recurrent_activation", "sigmoid");
    return {
      ...vectorCell(context, units),
      states: 2,
      project: (x, steps) => projectVectors(context, x, kernel, bias, steps),
      step: (x, [h, c]) => {
        const sum = plus(context, x, h && builder.matmul(h, recurrent));
        return lstmStates(context, split(builder, sum, 2, equalSizes(4, units)), c, {
          activation,
          gate,
        });
      },
    };
  },

  /** Gates in Keras's order: update z, reset r, candidate. h' = z h + (1 - z) candidate. */
  GRUCell: (context, width) =>
    context.layer.bool("reset_after", context.version === 3)
      ? resetAfter(context, width)
      : resetBefore(context, width),
};

/** The states after the gates of an LSTM: c' = f c + i candidate, h' = o activation(c'). */
export function lstmStates(
  { builder }: LayerContext,
  parts: readonly string[],
  c: string | undefined,
  apply: {
    readonly activation: (value: string) => string;
    readonly gate: (value: string) => string;
  },
): readonly [string, string] {
  const [input = "", forget = "", candidate = "", output = ""] = parts;
  const added = builder.mul(apply.gate(input), apply.activation(candidate));
  const kept = c === undefined ? undefined : builder.mul(apply.gate(forget), c);
  const next = kept === undefined ? added : builder.add2(kept, added);
  return [builder.mul(apply.gate(output), apply.activation(next)), next];
}

/** Candidate = activation(x W + b + r (h U + b')): what cuDNN computes. The bias is [2, 3 units]: b, b'. */
function resetAfter(context: LayerContext, width: number): Cell {
  const { builder } = context;
  const { units, kernel, recurrent, bias: biases } = weightsOf(context, width, 3, 2);
  const activation = elementwiseActivation(context, "activation", "tanh");
  const gate = elementwiseActivation(context, "recurrent_activation", "sigmoid");
  const [bias, recurrentBias] =
    biases === undefined ? [] : split(builder, biases, 0, equalSizes(2, 1));
  const parts = (value: string) => split(builder, value, 2, equalSizes(3, units));
  const inner = (x: string, h: string | undefined): string | undefined => {
    if (h !== undefined) {
      const product = builder.matmul(h, recurrent);
      return recurrentBias === undefined ? product : builder.add2(product, recurrentBias);
    }
    // The first step has b' alone; added to zeros of the data, so that every step uses it alike.
    return recurrentBias === undefined
      ? undefined
      : builder.add2(builder.mul(x, builder.scalar(0)), recurrentBias);
  };
  return {
    ...vectorCell(context, units),
    states: 1,
    project: (x, steps) => projectVectors(context, x, kernel, bias, steps),
    step: (x, [h]) => {
      const [xz = "", xr = "", xh = ""] = parts(x);
      const sum = inner(x, h);
      const [hz, hr, hh] = sum === undefined ? [] : parts(sum);
      const update = gate(plus(context, xz, hz));
      const reset = hh === undefined ? undefined : builder.mul(gate(plus(context, xr, hr)), hh);
      return [gruState(context, update, activation(plus(context, xh, reset)), h)];
    },
  };
}

/** Candidate = activation(x W + b + (r h) U). */
function resetBefore(context: LayerContext, width: number): Cell {
  const { builder } = context;
  const { units, kernel, recurrent, bias } = weightsOf(context, width, 3);
  const activation = elementwiseActivation(context, "activation", "tanh");
  const gate = elementwiseActivation(context, "recurrent_activation", "sigmoid");
  const [ofGates = "", ofCandidate = ""] = split(builder, recurrent, 1, [2 * units, units]);
  return {
    ...vectorCell(context, units),
    states: 1,
    project: (x, steps) => projectVectors(context, x, kernel, bias, steps),
    step: (x, [h]) => {
      const [xGates = "", xh = ""] = split(builder, x, 2, [2 * units, units]);
      const sum = plus(context, xGates, h && builder.matmul(h, ofGates));
      const [update = "", reset = ""] = split(builder, gate(sum), 2, equalSizes(2, units));
      const inner = h && builder.matmul(builder.mul(reset, h), ofCandidate);
      return [gruState(context, update, activation(plus(context, xh, inner)), h)];
    },
  };
}

function gruState(
  { builder }: LayerContext,
  update: string,
  candidate: string,
  h: string | undefined,
): string {
  const added = builder.mul(builder.sub(builder.scalar(1), update), candidate);
  return h === undefined ? added : builder.add2(builder.mul(update, h), added);
}

/** Kernel [width, gates * units], recurrent kernel [units, gates * units] and bias, in the order of Keras. */
function weightsOf(context: LayerContext, width: number, gates: number, rows = 1) {
  const { layer } = context;
  layer.ignore("dropout", "recurrent_dropout", "unit_forget_bias");
  const units = layer.int("units");
  const size = gates * units;
  const kernel = context.weight("kernel", [width, size]);
  const recurrent = context.weight("recurrent_kernel", [units, size]);
  const bias = layer.bool("use_bias", true)
    ? context.weight("bias", rows === 1 ? [size] : [rows, size])
    : undefined;
  return { units, kernel, recurrent, bias };
}
