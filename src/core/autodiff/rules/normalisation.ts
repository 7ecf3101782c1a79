import { floatAttribute, intAttribute } from "../../graph/graph.ts";
import type { GradientRule, RuleContext } from "../gradient.ts";
import {
  input,
  inputShape,
  onlyGradient,
  positiveAxis,
  scalar,
  sumTo,
  unsupported,
  whereWanted,
} from "./rule.ts";

/** Rules of normalisation in evaluation mode. */
export const normalisation: Readonly<Record<string, GradientRule>> = {
  /**
   * y = gamma xhat + beta with xhat = (x - mean) / sqrt(var + epsilon), per channel, the statistics constant:
   * dx = g gamma / sqrt(var + epsilon), dgamma = sum g xhat, dbeta = sum g.
   */
  BatchNormalization: (c) => {
    if (intAttribute(c.node, "training_mode", 0) !== 0) {
      throw unsupported(c, "it is in training mode");
    }
    const g = onlyGradient(c);
    const { builder } = c;
    const [x, gamma, mean, variance] = [input(c, 0), input(c, 1), input(c, 3), input(c, 4)];
    const rank = inputShape(c, 0).length;
    const others = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);
    const deviation = () =>
      builder.op("Sqrt", [
        builder.add2(variance, scalar(c, floatAttribute(c.node, "epsilon", 1e-5))),
      ]);
    return whereWanted(
      c,
      () => builder.mul(g, perChannel(c, builder.div(gamma, deviation()), rank)),
      () => {
        const centred = builder.sub(x, perChannel(c, mean, rank));
        return builder.div(builder.reduceSum(builder.mul(g, centred), others), deviation());
      },
      () => builder.reduceSum(g, others),
    );
  },

  /**
   * y = gamma xhat + beta with xhat = (x - mean) / deviation over the last axes, the statistics of x itself:
   * dx = (h - mean(h) - xhat mean(h xhat)) / deviation with h = g gamma; dgamma = sum g xhat, dbeta = sum g.
   */
  LayerNormalization: (c) => {
    const g = onlyGradient(c);
    const { builder } = c;
    const shape = inputShape(c, 0);
    const from = positiveAxis(intAttribute(c.node, "axis", -1), shape.length);
    const axes = builder.ints(shape.flatMap((_, axis) => (axis < from ? [] : [axis])));
    const mean = (value: string) => builder.op("ReduceMean", [value, axes], { keepdims: 1 });
    const centred = builder.sub(input(c, 0), mean(input(c, 0)));
    const variance = mean(builder.mul(centred, centred));
    const epsilon = scalar(c, floatAttribute(c.node, "epsilon", 1e-5));
    const deviation = builder.op("Sqrt", [builder.add2(variance, epsilon)]);
    const normal = builder.div(centred, deviation);
    return whereWanted(
      c,
      () => {
        const h = builder.mul(g, input(c, 1));
        const along = builder.mul(normal, mean(builder.mul(h, normal)));
        return builder.div(builder.sub(builder.sub(h, mean(h)), along), deviation);
      },
      () => sumTo(c, builder.mul(g, normal), shape, inputShape(c, 1)),
      () => sumTo(c, g, shape, inputShape(c, 2)),
    );
  },
};

/** A vector over channels, shaped so that it broadcasts against [batch, channels, ...]. */
function perChannel(context: RuleContext, vector: string, rank: number): string {
  return rank === 2
    ? vector
    : context.builder.reshape(vector, [-1, ...Array.from({ length: rank - 2 }, () => 1)]);
}
