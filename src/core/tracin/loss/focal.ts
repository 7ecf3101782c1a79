import type { GraphBuilder } from "../../graph/builder.ts";
import { atLeast, scaled } from "./examples.ts";

/** x^exponent of numbers that are not negative; an exponent below 0 meets a 0 only where a factor of 0 follows. */
export function powerOf(builder: GraphBuilder, value: string, exponent: number): string {
  if (exponent === 1) {
    return value;
  }
  const base = exponent < 0 ? atLeast(builder, value, 1e-30) : value;
  return builder.op("Pow", [base, builder.scalar(exponent)]);
}

/**
 * What the focal loss (Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017) multiplies the part -log p of a softmax
 * cross-entropy with: (1 - p)^gamma; and its gradient with respect to log p:
 * (1 - p)^gamma - gamma p (1 - p)^(gamma - 1) log p.
 *
 * @param gamma more than 0
 * @param rest 1 - p
 */
export function focus(
  builder: GraphBuilder,
  gamma: number,
  parts: {
    readonly logProbability: string;
    readonly probability: string;
    readonly rest: string;
  },
): { readonly loss: string; readonly gradient: string } {
  const { logProbability, probability, rest } = parts;
  const loss = powerOf(builder, rest, gamma);
  const slope = scaled(
    builder,
    builder.mul(probability, builder.mul(powerOf(builder, rest, gamma - 1), logProbability)),
    gamma,
  );
  return { loss, gradient: builder.sub(loss, slope) };
}
