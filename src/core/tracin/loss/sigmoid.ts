import { counted } from "../../counted.ts";
import { TracInError } from "../../errors.ts";
import { float32, formatShape, sizeOf } from "../../graph/tensor.ts";
import { scaled } from "./examples.ts";
import { type FlagLoss, flagLoss } from "./flags.ts";
import { powerOf } from "./focal.ts";
import type { LossSource, LossValues } from "./loss.ts";

/**
 * Sigmoid cross-entropy: with t the target (moved towards 1/2 by label smoothing) and w the weight of positive targets,
 * l = (1 - t) softplus(z) + w t softplus(-z) and dl/dz = (1 - t) sigmoid(z) - w t sigmoid(-z), which keeps its digits where
 * the model is certain. Focal: see {@link focal}.
 */
export function sigmoidCrossEntropy(source: LossSource): LossValues {
  const { builder, loss } = source;
  const { gamma, alpha, labelSmoothing: smoothing = 0 } = loss;
  return flagLoss(source, (z, given, outputs) => {
    const on =
      smoothing > 0
        ? builder.add2(scaled(builder, given, 1 - smoothing), builder.scalar(smoothing / 2))
        : given;
    const off = builder.sub(builder.scalar(1), on);
    const positive = positiveWeights(source, outputs);
    const weighted = positive === undefined ? on : builder.mul(on, positive);

    // softplus(z) = max(z, 0) + log(1 + exp(-|z|)): no overflow at large |z|.
    const negative = builder.op("Neg", [z]);
    const decay = builder.op("Exp", [builder.op("Neg", [builder.op("Abs", [z])])]);
    const tail = builder.op("Log", [builder.add2(decay, builder.scalar(1))]);
    const softplus = (value: string) => builder.add2(builder.op("Relu", [value]), tail);
    const probability = builder.op("Sigmoid", [z]);
    const opposite = builder.op("Sigmoid", [negative]);
    const plain: FlagLoss = {
      each: builder.add2(builder.mul(off, softplus(z)), builder.mul(weighted, softplus(negative))),
      gradient: builder.sub(builder.mul(off, probability), builder.mul(weighted, opposite)),
      probability,
      floats: 8,
    };
    return gamma === undefined && alpha === undefined
      ? plain
      : focal(source, plain, { on, off, opposite });
  });
}

/**
 * The cross-entropy b times a (1 - p_t)^gamma, with p_t = t p + (1 - t) (1 - p), and a = t alpha + (1 - t) (1 - alpha) where alpha
 * is told. d (1 - p_t) / dz = (1 - 2 t) p (1 - p).
 */
function focal(
  { builder, loss }: LossSource,
  plain: FlagLoss,
  { on, off, opposite }: { readonly on: string; readonly off: string; readonly opposite: string },
): FlagLoss {
  const { gamma = 0, alpha } = loss;
  if (typeof alpha === "object") {
    throw new TracInError(
      "config",
      '"alpha" in loss is a list, but the focal loss of what is on or off has one number.',
      { file: "tracin.json" },
      'Give the factor of what is on; what is off has 1 - alpha. For a factor of each label, use "posWeight".',
    );
  }
  const { probability } = plain;
  let { each, gradient } = plain;
  if (gamma > 0) {
    const rest = builder.add2(builder.mul(on, opposite), builder.mul(off, probability));
    const factor = powerOf(builder, rest, gamma);
    const turned = builder.mul(builder.sub(off, on), builder.mul(probability, opposite));
    const slope = builder.mul(scaled(builder, turned, gamma), powerOf(builder, rest, gamma - 1));
    gradient = builder.add2(builder.mul(gradient, factor), builder.mul(each, slope));
    each = builder.mul(each, factor);
  }
  if (alpha !== undefined) {
    const balance = builder.add2(scaled(builder, on, alpha), scaled(builder, off, 1 - alpha));
    each = builder.mul(each, balance);
    gradient = builder.mul(gradient, balance);
  }
  return { each, gradient, probability, floats: 16 };
}

/** Weights of positive targets: one number for all, or one for each label. */
function positiveWeights({ builder, loss, shape }: LossSource, outputs: number) {
  const { posWeight } = loss;
  if (posWeight === undefined || typeof posWeight === "number") {
    return posWeight === undefined ? undefined : builder.scalar(posWeight);
  }
  const axis = loss.classAxis ?? 1;
  const at = axis < 0 ? axis + shape.length : axis;
  const labels = shape[at];
  if (labels !== posWeight.length || at === 0) {
    throw new TracInError(
      "config",
      `"posWeight" in loss has ${counted(posWeight.length, "number")} for an output of the shape ${formatShape(shape)}.`,
      { file: "tracin.json" },
      'Give one number, or one for each label; "classAxis" says on which axis the labels are, 1 unless told.',
    );
  }
  const after = sizeOf(shape.slice(at + 1));
  const values = Array.from(
    { length: outputs },
    (_, index) => posWeight[Math.floor(index / after) % labels] as number,
  );
  return builder.constant(float32([1, outputs], values));
}
