import { asFloat, scaled } from "./examples.ts";
import { flagLoss } from "./flags.ts";
import { endsWith } from "./logits.ts";
import type { LossSource, LossValues } from "./loss.ts";

/**
 * Hinge losses of Keras, with s = 1 for what is on and -1 for what is off: max(0, 1 - s z), gradient -s where 1 - s z >= 0; or the
 * square of it. What has to be shown as a probability is sigmoid(z), or z where the model ends with a sigmoid.
 */
export function hingeLoss(source: LossSource, isSquared: boolean): LossValues {
  const { builder, output } = source;
  return flagLoss(source, (z, given) => {
    const one = builder.scalar(1);
    const sign = builder.sub(scaled(builder, given, 2), one);
    const missing = builder.sub(one, builder.mul(sign, z));
    const active = asFloat(builder, builder.op("GreaterOrEqual", [missing, builder.scalar(0)]));
    const each = builder.op("Relu", [missing]);
    const slope = isSquared ? scaled(builder, each, 2) : active;
    return {
      each: isSquared ? builder.mul(each, each) : each,
      gradient: builder.op("Neg", [builder.mul(sign, slope)]),
      probability: endsWith(builder.nodes, output, "Sigmoid") ? z : builder.op("Sigmoid", [z]),
      floats: 6,
    };
  });
}
