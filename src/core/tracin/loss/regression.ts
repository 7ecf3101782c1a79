import type { LossSpec } from "../../config/project.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import { allOf, flatInput, modelMask, outputsOf, reduceOutputs } from "./elements.ts";
import { columns, reciprocalOf, scaled, sumOverExample } from "./examples.ts";
import { type LossSource, type LossValues, targetInput, targetMaskInput } from "./loss.ts";

/** A regression with more outputs is explained as a whole. */
const mostChosen = 16;

/** Whether the outputs of a regression can be explained one by one: then its targets have a mask, which leaves one of them. */
export function hasChosenOutputs({ type }: Pick<LossSpec, "type">, outputs: number): boolean {
  const isRegression = type !== "output" && !type.endsWith("-cross-entropy");
  return isRegression && outputs > 1 && outputs <= mostChosen;
}

type Distance = "mse" | "mae" | "huber" | "smooth-l1";

/**
 * Losses of the error x = z - t of each output, outputs of any rank:
 *
 * - `mse`: x^2, gradient 2 x
 * - `mae`: |x|, gradient sign(x), 0 at 0 as in PyTorch
 * - `huber`: x^2 / 2 up to |x| = delta, then delta (|x| - delta / 2); gradient x, clipped at delta
 * - `smooth-l1`: `huber` with delta = beta, divided by beta
 */
export function regressionLoss(source: LossSource, distance: Distance): LossValues {
  const { builder, loss, output, shape, batch, target } = source;
  const outputs = outputsOf(source);
  const z = builder.reshape(output, [batch, outputs]);
  const error = builder.sub(z, flatInput(source, targetInput, outputs));
  const counted = allOf(
    builder,
    target.masked || hasChosenOutputs(loss, outputs)
      ? flatInput(source, targetMaskInput, outputs)
      : undefined,
    modelMask(source, shape),
  );
  const parts = distanceOf(builder, distance, error, loss.delta ?? 1);
  const only = (value: string) => (counted === undefined ? value : builder.mul(value, counted));
  const total = sumOverExample(builder, only(parts.each), batch, outputs);
  const reduced = reduceOutputs(source, {
    total,
    gradient: only(parts.gradient),
    mask: counted,
    outputs,
  });
  const summary = () => {
    const count =
      counted === undefined
        ? builder.op("Expand", [builder.scalar(outputs), builder.ints([batch])])
        : sumOverExample(builder, counted, batch, outputs);
    const mean = builder.mul(total, reciprocalOf(builder, count));
    return { value: columns(builder, [count, mean], batch), width: 2 };
  };
  return {
    output,
    seed: builder.reshape(reduced.gradient, shape),
    loss: reduced.loss,
    prediction: target.reading === "values" ? { value: z, width: outputs } : summary(),
    floatsPerExample: 4 * outputs,
  };
}

function distanceOf(
  builder: GraphBuilder,
  distance: Distance,
  error: string,
  delta: number,
): { readonly each: string; readonly gradient: string } {
  switch (distance) {
    case "mse":
      return { each: builder.mul(error, error), gradient: scaled(builder, error, 2) };
    case "mae":
      return { each: builder.op("Abs", [error]), gradient: builder.op("Sign", [error]) };
    case "huber":
    case "smooth-l1": {
      const clipped = builder.op("Clip", [error, builder.scalar(-delta), builder.scalar(delta)]);
      const each = builder.mul(clipped, builder.sub(error, scaled(builder, clipped, 0.5)));
      const factor = distance === "huber" ? 1 : 1 / delta;
      return {
        each: scaled(builder, each, factor),
        gradient: scaled(builder, clipped, factor),
      };
    }
  }
}
