import { sizeOf } from "../../graph/tensor.ts";
import { allOf, flatInput, modelMask, outputsOf, reduceOutputs, summaryOf } from "./elements.ts";
import { asFloat, atLeast, sumOverExample } from "./examples.ts";
import { type LossSource, type LossValues, targetInput, targetMaskInput } from "./loss.ts";

/** The square of a length below which Keras divides by it. */
const shortest = 1e-12;

/**
 * Minus the cosine between the output's and the target's vectors along the last axis: -(u . v) with u = z / |z| and v = t / |t|,
 * gradient -(v - u (u . v)) / |z|. Lengths below 1e-6 count as that.
 */
export function cosineLoss(source: LossSource): LossValues {
  const { builder, output, shape, batch, target } = source;
  const outputs = outputsOf(source);
  const width = shape.at(-1) ?? 1;
  const positions = outputs / width;
  const rows = batch * positions;
  const vectors = (value: string) => builder.reshape(value, [rows, width]);
  const z = vectors(output);
  const t = vectors(flatInput(source, targetInput, outputs));
  const square = (value: string) => builder.reduceSum(builder.mul(value, value), [1], true);
  const unit = (value: string, squared: string) =>
    builder.div(value, builder.op("Sqrt", [atLeast(builder, squared, shortest)]));
  const squared = square(z);
  const u = unit(z, squared);
  const v = unit(t, square(t));
  const cosine = builder.reduceSum(builder.mul(u, v), [1], true);
  const isLong = builder.op("Greater", [squared, builder.scalar(shortest)]);
  const turned = builder.mul(asFloat(builder, isLong), builder.mul(u, cosine));
  const slope = builder.op("Neg", [unit(builder.sub(v, turned), squared)]);

  const told = target.masked
    ? builder.op("ReduceMin", [
        vectors(flatInput(source, targetMaskInput, outputs)),
        builder.ints([1]),
      ])
    : undefined;
  const mask = allOf(
    builder,
    told && builder.reshape(told, [batch, positions]),
    modelMask(source, shape.slice(0, -1)),
  );
  const only = (value: string) => (mask === undefined ? value : builder.mul(value, mask));
  const each = only(builder.reshape(builder.op("Neg", [cosine]), [batch, positions]));
  const total = sumOverExample(builder, each, batch, positions);
  const gradient =
    mask === undefined ? slope : builder.mul(slope, builder.reshape(mask, [rows, 1]));
  const reduced = reduceOutputs(source, {
    total,
    gradient: builder.reshape(gradient, [batch, outputs]),
    divisor: mask,
    outputs: positions,
  });
  return {
    output,
    seed: builder.reshape(reduced.gradient, shape),
    loss: reduced.loss,
    prediction:
      target.reading === "values"
        ? { value: builder.reshape(output, [batch, outputs]), width: outputs }
        : summaryOf(source, { total, counted: mask, outputs: positions }),
    floatsPerExample: 6 * sizeOf(shape.slice(1)),
  };
}
