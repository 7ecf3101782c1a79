import {
  allOf,
  countAndMean,
  flatInput,
  modelMask,
  outputsOf,
  reduceOutputs,
  sameMask,
  summaryOf,
  toldMask,
} from "./elements.ts";
import { asFloat, columns, sumOverExample } from "./examples.ts";
import { type LossSource, type LossValues, targetInput, targetMaskInput } from "./loss.ts";
import { sigmoidMargin } from "./margin.ts";

/** A loss of targets that are on or off, [batch, outputs] each. */
export interface FlagLoss {
  readonly each: string;
  readonly gradient: string;
  /** That a target is on; more than 1/2 where z is more than 0. */
  readonly probability: string;
  /** Floats for each output, roughly. */
  readonly floats: number;
}

/** Appends a loss of each label, position or pixel that counts (mask 1), where `given` (0 to 1) says whether it is on. */
export function flagLoss(
  source: LossSource,
  form: (z: string, given: string, outputs: number) => FlagLoss,
): LossValues {
  const { builder, output, shape, batch, target } = source;
  const outputs = outputsOf(source);
  const z = builder.reshape(output, [batch, outputs]);
  const given = flatInput(source, targetInput, outputs);
  const told =
    target.reading === "probabilities"
      ? toldMask(source, outputs)
      : sameMask(flatInput(source, targetMaskInput, outputs));
  const own = modelMask(source, shape);
  const mask = allOf(builder, told.counted, own) ?? told.counted;
  const divisor = allOf(builder, told.divisor, own);
  const parts = form(z, given, outputs);
  const { probability } = parts;
  const each = builder.mul(parts.each, mask);
  const gradient = builder.mul(parts.gradient, mask);
  const sum = (value: string) => sumOverExample(builder, value, batch, outputs);
  const total = sum(each);
  const reduced = reduceOutputs(source, { total, gradient, divisor, outputs });
  return {
    output,
    seed: builder.reshape(reduced.gradient, shape),
    loss: reduced.loss,
    floatsPerExample: parts.floats * outputs,
    ...readings(),
  };

  function readings(): Pick<LossValues, "prediction" | "positions" | "margin"> {
    if (target.reading === "probabilities") {
      return {
        prediction: { value: probability, width: outputs },
        margin: sigmoidMargin(builder, { probability, given, mask, batch }),
      };
    }
    const summed = { total, counted: mask, outputs };
    if (target.reading === "outputs") {
      return { prediction: summaryOf(source, summed) };
    }
    const [count, mean] = countAndMean(source, summed);
    const half = builder.scalar(0.5);
    const isOn = builder.op("Greater", [probability, half]);
    const shouldBe = builder.op("Greater", [given, half]);
    const isWrong = asFloat(builder, builder.op("Xor", [isOn, shouldBe]));
    const values = [count, sum(builder.mul(isWrong, mask)), mean];
    return {
      prediction: { value: columns(builder, values, batch), width: values.length },
      positions: () => ({ loss: each, predicted: asFloat(builder, isOn), width: outputs }),
    };
  }
}
