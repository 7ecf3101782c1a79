import type { NumberLossName } from "../../config/loss-schema.ts";
import type { LossSpec } from "../../config/project.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import { asFloat, atLeast, scaled } from "./examples.ts";

/** Losses of each output by itself. */
export type Distance = Exclude<NumberLossName, "cosine-similarity">;

/** What a loss of numbers gives for each of them. */
interface Parts {
  readonly each: string;
  readonly gradient: string;
  /** The predicted number, where it is not the output itself. */
  readonly predicted?: string;
}

/** Keras's `epsilon`. */
const epsilon = 1e-7;

/**
 * Loss of each output z with its target t, and its gradient with respect to z; x = z - t, e = 1e-7, the `epsilon` of Keras:
 *
 * - `mse`: x^2, gradient 2 x
 * - `mae`: |x|, gradient sign(x), 0 at 0 as in PyTorch
 * - `huber`: x^2 / 2 up to |x| = delta, then delta (|x| - delta / 2); gradient x, clipped at delta
 * - `smooth-l1`: `huber` with delta = beta, divided by beta
 * - `log-cosh`: log cosh x, gradient tanh x
 * - `mape`: 100 |x| / max(|t|, e), gradient 100 sign(x) / max(|t|, e)
 * - `msle`: (log(1 + max(z, e)) - log(1 + max(t, e)))^2
 * - `poisson`: z - t log(z + e), gradient 1 - t / (z + e); of the logarithm of the rate e^z - t z, gradient e^z - t
 * - `kl-divergence`: t log(t / z) with both clipped to [e, 1], gradient -t / z inside; of log-probabilities t (log t - z), gradient -t
 */
export function distanceOf(
  builder: GraphBuilder,
  distance: Distance,
  { z, target, loss }: { readonly z: string; readonly target: string; readonly loss: LossSpec },
): Parts {
  const error = () => builder.sub(z, target);
  const log = (value: string) => builder.op("Log", [value]);
  const plus = (value: string, number: number) => builder.add2(value, builder.scalar(number));
  switch (distance) {
    case "mse": {
      const x = error();
      return { each: builder.mul(x, x), gradient: scaled(builder, x, 2) };
    }
    case "mae": {
      const x = error();
      return { each: builder.op("Abs", [x]), gradient: builder.op("Sign", [x]) };
    }
    case "huber":
    case "smooth-l1": {
      const x = error();
      const delta = loss.delta ?? 1;
      const clipped = builder.op("Clip", [x, builder.scalar(-delta), builder.scalar(delta)]);
      const each = builder.mul(clipped, builder.sub(x, scaled(builder, clipped, 0.5)));
      const factor = distance === "huber" ? 1 : 1 / delta;
      return {
        each: scaled(builder, each, factor),
        gradient: scaled(builder, clipped, factor),
      };
    }
    case "log-cosh": {
      // |x| + log(1 + exp(-2 |x|)) - log 2: no overflow at large |x|.
      const x = error();
      const size = builder.op("Abs", [x]);
      const tail = log(plus(builder.op("Exp", [scaled(builder, size, -2)]), 1));
      return {
        each: plus(builder.add2(size, tail), -Math.LN2),
        gradient: builder.op("Tanh", [x]),
      };
    }
    case "mape": {
      const x = error();
      const size = atLeast(builder, builder.op("Abs", [target]), epsilon);
      const percent = builder.div(builder.scalar(100), size);
      return {
        each: builder.mul(builder.op("Abs", [x]), percent),
        gradient: builder.mul(builder.op("Sign", [x]), percent),
      };
    }
    case "msle": {
      const above = plus(atLeast(builder, z, epsilon), 1);
      const x = builder.sub(log(above), log(plus(atLeast(builder, target, epsilon), 1)));
      return {
        each: builder.mul(x, x),
        gradient: builder.mul(inside(builder, z), builder.div(scaled(builder, x, 2), above)),
      };
    }
    case "poisson": {
      if (loss.logInput) {
        const rate = builder.op("Exp", [z]);
        return {
          each: builder.sub(rate, builder.mul(target, z)),
          gradient: builder.sub(rate, target),
          predicted: rate,
        };
      }
      const rate = plus(z, epsilon);
      return {
        each: builder.sub(z, builder.mul(target, log(rate))),
        gradient: builder.sub(builder.scalar(1), builder.div(target, rate)),
      };
    }
    case "kl-divergence": {
      const clipped = (value: string) =>
        builder.op("Clip", [value, builder.scalar(epsilon), builder.scalar(1)]);
      const t = loss.logInput ? target : clipped(target);
      // t log t is 0 at 0.
      const own = builder.mul(t, log(atLeast(builder, t, 1e-30)));
      if (loss.logInput) {
        return {
          each: builder.sub(own, builder.mul(t, z)),
          gradient: builder.op("Neg", [t]),
          predicted: builder.op("Exp", [z]),
        };
      }
      const p = clipped(z);
      const isBelow = builder.op("LessOrEqual", [z, builder.scalar(1)]);
      const counts = builder.mul(inside(builder, z), asFloat(builder, isBelow));
      return {
        each: builder.sub(own, builder.mul(t, log(p))),
        gradient: builder.op("Neg", [builder.mul(counts, builder.div(t, p))]),
      };
    }
  }
}

/** 1 where a number is at least epsilon, else 0. */
function inside(builder: GraphBuilder, value: string): string {
  const isInside = builder.op("GreaterOrEqual", [value, builder.scalar(epsilon)]);
  return asFloat(builder, isInside);
}
