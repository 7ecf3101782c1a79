import { counted } from "../../counted.ts";
import { TracInError } from "../../errors.ts";
import { float32, formatShape, sizeOf } from "../../graph/tensor.ts";
import { allOf, flatInput, modelMask, outputsOf, reduceOutputs } from "./elements.ts";
import { asFloat, columns, reciprocalOf, scaled, sumOverExample } from "./examples.ts";
import { type LossSource, type LossValues, targetInput, targetMaskInput } from "./loss.ts";
import { sigmoidMargin } from "./margin.ts";

/**
 * Sigmoid cross-entropy of each label, position or pixel that counts (mask 1): with t the target (moved towards 1/2 by
 * label smoothing) and w the weight of positive targets, l = (1 - t) softplus(z) + w t softplus(-z) and
 * dl/dz = (1 - t) sigmoid(z) - w t sigmoid(-z), which keeps its digits where the model is certain.
 */
export function sigmoidCrossEntropy(source: LossSource): LossValues {
  const { builder, loss, output, shape, batch, target } = source;
  const outputs = outputsOf(source);
  const z = builder.reshape(output, [batch, outputs]);
  const given = flatInput(source, targetInput, outputs);
  const told = flatInput(source, targetMaskInput, outputs);
  const mask = allOf(builder, told, modelMask(source, shape)) ?? told;
  const smoothing = loss.labelSmoothing ?? 0;
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
  const each = builder.mul(
    builder.add2(builder.mul(off, softplus(z)), builder.mul(weighted, softplus(negative))),
    mask,
  );
  const probability = builder.op("Sigmoid", [z]);
  const gradient = builder.mul(
    builder.sub(
      builder.mul(off, probability),
      builder.mul(weighted, builder.op("Sigmoid", [negative])),
    ),
    mask,
  );

  const sum = (value: string) => sumOverExample(builder, value, batch, outputs);
  const total = sum(each);
  const reduced = reduceOutputs(source, { total, gradient, mask, outputs });
  return {
    output,
    seed: builder.reshape(reduced.gradient, shape),
    loss: reduced.loss,
    floatsPerExample: 8 * outputs,
    ...readings(),
  };

  function readings(): Pick<LossValues, "prediction" | "positions" | "margin"> {
    if (target.reading === "probabilities") {
      return {
        prediction: { value: probability, width: outputs },
        margin: sigmoidMargin(builder, { probability, given, mask, batch }),
      };
    }
    const count = sum(mask);
    const mean = builder.mul(total, reciprocalOf(builder, count));
    if (target.reading === "outputs") {
      return { prediction: { value: columns(builder, [count, mean], batch), width: 2 } };
    }
    const isOn = builder.op("Greater", [z, builder.scalar(0)]);
    const shouldBe = builder.op("Greater", [given, builder.scalar(0.5)]);
    const isWrong = asFloat(builder, builder.op("Xor", [isOn, shouldBe]));
    const parts = [count, sum(builder.mul(isWrong, mask)), mean];
    return {
      prediction: { value: columns(builder, parts, batch), width: parts.length },
      positions: () => ({ loss: each, predicted: asFloat(builder, isOn), width: outputs }),
    };
  }
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
