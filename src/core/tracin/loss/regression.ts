import { lossFamily } from "../../config/loss-schema.ts";
import type { LossSpec } from "../../config/project.ts";
import { type Distance, distanceOf } from "./distances.ts";
import {
  allOf,
  flatInput,
  modelMask,
  outputsOf,
  reduceOutputs,
  sameMask,
  summaryOf,
  toldMask,
} from "./elements.ts";
import { sumOverExample } from "./examples.ts";
import { type LossSource, type LossValues, targetInput, targetMaskInput } from "./loss.ts";

/** A regression with more outputs is explained as a whole. */
const mostChosen = 16;

/** Whether the outputs of a regression can be explained one by one: then its targets have a mask, which leaves one of them. */
export function hasChosenOutputs({ type }: Pick<LossSpec, "type">, outputs: number): boolean {
  const hasParts = lossFamily(type) === "numbers" && type !== "cosine-similarity";
  return hasParts && outputs > 1 && outputs <= mostChosen;
}

/** Losses of each output with its target, outputs of any rank (src/core/tracin/loss/distances.ts). */
export function regressionLoss(source: LossSource, distance: Distance): LossValues {
  const { builder, loss, output, shape, batch, target } = source;
  const outputs = outputsOf(source);
  const z = builder.reshape(output, [batch, outputs]);
  const told = hasChosenOutputs(loss, outputs)
    ? toldMask(source, outputs)
    : sameMask(target.masked ? flatInput(source, targetMaskInput, outputs) : undefined);
  const own = modelMask(source, shape);
  const counted = allOf(builder, told.counted, own);
  const given = flatInput(source, targetInput, outputs);
  const parts = distanceOf(builder, distance, { z, target: given, loss });
  const only = (value: string) => (counted === undefined ? value : builder.mul(value, counted));
  const total = sumOverExample(builder, only(parts.each), batch, outputs);
  const reduced = reduceOutputs(source, {
    total,
    gradient: only(parts.gradient),
    divisor: allOf(builder, told.divisor, own),
    outputs,
    // The parts of one distribution add up to its divergence.
    together: distance === "kl-divergence" ? (shape.at(loss.classAxis ?? -1) ?? 1) : 1,
  });
  return {
    output,
    seed: builder.reshape(reduced.gradient, shape),
    loss: reduced.loss,
    prediction:
      target.reading === "values"
        ? { value: parts.predicted ?? z, width: outputs }
        : summaryOf(source, { total, counted, outputs }),
    floatsPerExample: 4 * outputs,
  };
}
