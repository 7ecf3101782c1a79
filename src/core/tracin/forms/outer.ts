import type { GraphBuilder } from "../../graph/builder.ts";
import type { FormChoice } from "../cost.ts";
import { type Factor, featuresFirst, type Outer, positionsFirst } from "../factors.ts";
import { outerGradient } from "../gradients.ts";
import type { Keepable } from "../invariant.ts";
import { crossProducts, gramMatrix, squaredNorm, sumPositions } from "./products.ts";

/** The query side of an outer product. */
export function outerQuery(
  builder: GraphBuilder,
  factors: Outer,
  form: FormChoice,
  batch: number,
  aggregate: boolean,
): string[] {
  const { u, delta } = factors;
  switch (form.score) {
    case "factorised":
      return [
        builder.reshape(u.value, [batch, u.features]),
        builder.reshape(delta.value, [batch, delta.features]),
      ];
    case "gram":
      return [positionsFirst(builder, u), positionsFirst(builder, delta)];
    case "explicit": {
      const gradient = explicitGradient(builder, factors, batch);
      return [aggregate ? builder.reduceSum(gradient, [0], true) : gradient];
    }
    case "tangent": {
      const [left, right] = isFeaturesFirst(factors) ? [delta, u] : [u, delta];
      if (!aggregate) {
        return [builder.matmul(featuresFirst(builder, left), positionsFirst(builder, right))];
      }
      // One product over all examples and positions sums the queries' gradients.
      const rows = batch * u.positions;
      const flat = (factor: Factor) =>
        builder.reshape(positionsFirst(builder, factor), [rows, factor.features]);
      const sum = builder.matmul(builder.transpose(flat(left), [1, 0]), flat(right));
      return [builder.reshape(sum, [1, left.features, right.features])];
    }
  }
}

/** Scores of an outer product, [batch, queries], from the query's parts. */
export function outerScores(
  builder: GraphBuilder,
  factors: Outer,
  form: FormChoice,
  batch: number,
  queries: number,
  a: string,
  b: string,
  keepable: Keepable[],
): string {
  const { u, delta } = factors;
  const { positions: P, features: K } = u;
  const O = delta.features;
  switch (form.score) {
    case "factorised": {
      const inputs = builder.matmul(
        builder.reshape(u.value, [batch, K]),
        builder.transpose(a, [1, 0]),
      );
      keepable.push({ value: inputs, shape: [batch, queries] });
      const deltas = builder.matmul(
        builder.reshape(delta.value, [batch, O]),
        builder.transpose(b, [1, 0]),
      );
      return builder.mul(factors.bias ? builder.add2(inputs, builder.scalar(1)) : inputs, deltas);
    }
    case "gram": {
      if (isFeaturesFirst(factors)) {
        const against = (query: string, factor: Factor) =>
          builder.matmul(builder.reshape(query, [queries * P, factor.features]), factor.value);
        const products = builder.mul(against(a, u), against(b, delta));
        return builder.reduceSum(builder.reshape(products, [batch, queries, P * P]), [2]);
      }
      const against = (query: string, factor: Factor) =>
        crossProducts(builder, factor, query, batch, queries * P);
      return sumPositions(
        builder,
        builder.mul(against(a, u), against(b, delta)),
        [batch, P],
        [queries, P],
      );
    }
    case "explicit":
      return builder.matmul(
        explicitGradient(builder, factors, batch),
        builder.transpose(a, [1, 0]),
      );
    case "tangent": {
      if (isFeaturesFirst(factors)) {
        const changed = builder.matmul(builder.reshape(a, [queries * O, K]), u.value);
        const products = builder.mul(
          builder.reshape(changed, [batch, queries, O, P]),
          builder.reshape(delta.value, [batch, 1, O, P]),
        );
        return builder.reduceSum(products, [2, 3]);
      }
      const weight = builder.reshape(builder.transpose(a, [1, 0, 2]), [K, queries * O]);
      const changed = builder.matmul(
        builder.reshape(positionsFirst(builder, u), [batch * P, K]),
        weight,
      );
      const products = builder.mul(
        builder.reshape(changed, [batch, P, queries, O]),
        builder.reshape(positionsFirst(builder, delta), [batch, P, 1, O]),
      );
      return builder.reduceSum(products, [1, 3]);
    }
  }
}

/** |G|^2 of each example: [batch]. */
export function outerSelf(
  builder: GraphBuilder,
  factors: Outer,
  form: FormChoice,
  batch: number,
  keepable: Keepable[],
): string {
  const { u, delta } = factors;
  switch (form.self) {
    case "factorised": {
      const inputs = squaredNorm(builder, builder.reshape(u.value, [batch, u.features]));
      keepable.push({ value: inputs, shape: [batch] });
      const withBias = factors.bias ? builder.add2(inputs, builder.scalar(1)) : inputs;
      return builder.mul(
        withBias,
        squaredNorm(builder, builder.reshape(delta.value, [batch, delta.features])),
      );
    }
    case "gram": {
      const inputs = gramMatrix(builder, u);
      keepable.push({ value: inputs, shape: [batch, u.positions, u.positions] });
      return builder.reduceSum(builder.mul(inputs, gramMatrix(builder, delta)), [1, 2]);
    }
    case "explicit":
      return squaredNorm(builder, explicitGradient(builder, factors, batch));
  }
}

/**
 * The gradient of each example, [batch, groups * outputs * inputs], in the order that the product gives:
 * [groups, outputs, inputs], or [inputs, outputs] where {@link isTurned}.
 */
export function explicitGradient(builder: GraphBuilder, factors: Outer, batch: number): string {
  const { u, delta, groups } = factors;
  const product = isTurned(factors)
    ? outerGradient(builder, delta, u)
    : outerGradient(builder, u, delta);
  return builder.reshape(product, [batch, groups * delta.features * u.features]);
}

/**
 * Whether inputs are the rows of the explicit gradient: onnxruntime packs the second factor of a product, so it should
 * be the smaller one (1.3 times faster with 144 inputs and 32 outputs over 196 positions, and with 1,024 and 256 over 128).
 */
export function isTurned(factors: Outer): boolean {
  return factors.groups === 1 && factors.u.features > factors.delta.features;
}

/** Whether the tangent form takes the query's gradient as [outputs, inputs]; else it is [inputs, outputs]. */
export function isFeaturesFirst(factors: Outer): boolean {
  return factors.u.layout === "FP" && factors.delta.layout === "FP";
}
