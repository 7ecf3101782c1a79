import { float } from "../../graph/builder.ts";
import { floatAttribute, intAttribute } from "../../graph/graph.ts";
import { type Shape, sameShape, sizeOf } from "../../graph/tensor.ts";
import type { GradientRule, RuleContext } from "../gradient.ts";
import {
  input,
  inputShape,
  onlyGradient,
  outputShape,
  scalar,
  sumTo,
  whereWanted,
} from "./rule.ts";

/** Rules of matrix products. g is the gradient of the output. */
export const matrix: Readonly<Record<string, GradientRule>> = {
  /** Y = A B over the last two axes, the others broadcast: dA = g B^T, dB = A^T g. */
  MatMul: (c) => {
    const a = asMatrix(inputShape(c, 0), "row");
    const b = asMatrix(inputShape(c, 1), "column");
    const rows = a.at(-2) ?? 1;
    const columns = b.at(-1) ?? 1;
    const batch = outputBatch(a, b);
    const out = [...batch, rows, columns];
    const shaped = (value: string, from: Shape, to: Shape) =>
      sameShape(from, to) ? value : c.builder.reshape(value, to);
    const A = shaped(input(c, 0), inputShape(c, 0), a);
    const B = shaped(input(c, 1), inputShape(c, 1), b);
    const g = shaped(onlyGradient(c), outputShape(c), out);
    const back = (value: string, from: Shape, index: number) =>
      shaped(value, from, inputShape(c, index));

    if (b.length === 2) {
      // One large product instead of a batch of small ones, and no transposed copy.
      const inner = b[0] ?? 1;
      const many = sizeOf(batch) * rows;
      const flat = (value: string, from: Shape, width: number) =>
        shaped(value, from, [many, width]);
      const G = flat(g, out, columns);
      return whereWanted(
        c,
        () => back(gemm(c, G, B, false, true), [many, inner], 0),
        () => back(gemm(c, flat(A, a, inner), G, true, false), b, 1),
      );
    }
    const turned = (value: string, shape: Shape) =>
      c.builder.transpose(
        value,
        shape.map((_, axis) => {
          const last = shape.length - 1;
          return axis === last ? last - 1 : axis === last - 1 ? last : axis;
        }),
      );
    return whereWanted(
      c,
      () => {
        const full = [...batch, rows, a.at(-1) ?? 1];
        return back(sumTo(c, c.builder.matmul(g, turned(B, b)), full, a), a, 0);
      },
      () => {
        const full = [...batch, b.at(-2) ?? 1, columns];
        return back(sumTo(c, c.builder.matmul(turned(A, a), g), full, b), b, 1);
      },
    );
  },

  /**
   * Y = alpha A' B' + beta C, where ' transposes if asked:
   * dA' = alpha g B'^T, dB' = alpha A'^T g, dC = beta g summed to the shape of C.
   */
  Gemm: (c) => {
    const g = onlyGradient(c);
    const alpha = floatAttribute(c.node, "alpha", 1);
    const beta = floatAttribute(c.node, "beta", 1);
    const transA = intAttribute(c.node, "transA", 0) === 1;
    const transB = intAttribute(c.node, "transB", 0) === 1;
    return whereWanted(
      c,
      () =>
        transA
          ? gemm(c, input(c, 1), g, transB, true, alpha)
          : gemm(c, g, input(c, 1), false, !transB, alpha),
      () =>
        transB
          ? gemm(c, g, input(c, 0), true, transA, alpha)
          : gemm(c, input(c, 0), g, !transA, false, alpha),
      () => {
        const sum = sumTo(c, g, outputShape(c), inputShape(c, 2));
        return beta === 1 ? sum : c.builder.mul(sum, scalar(c, beta));
      },
    );
  },
};

function gemm(
  context: RuleContext,
  a: string,
  b: string,
  transA: boolean,
  transB: boolean,
  alpha = 1,
): string {
  return context.builder.op("Gemm", [a, b], {
    ...(alpha === 1 ? {} : { alpha: float(alpha) }),
    ...(transA ? { transA: 1 } : {}),
    ...(transB ? { transB: 1 } : {}),
  });
}

/** A vector counts as one row on the left and as one column on the right. */
function asMatrix(shape: Shape, vector: "row" | "column"): Shape {
  if (shape.length >= 2) {
    return shape;
  }
  const size = shape[0] ?? 1;
  return vector === "row" ? [1, size] : [size, 1];
}

function outputBatch(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length) - 2;
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[a.length - 2 - rank + axis] ?? 1;
    const right = b[b.length - 2 - rank + axis] ?? 1;
    return left === 1 ? right : left;
  });
}
