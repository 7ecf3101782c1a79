import { floatAttribute, intAttribute, stringAttribute } from "../../graph/graph.ts";
import { type Shape, sizeOf } from "../../graph/tensor.ts";
import {
  broadcastShape,
  broadcastTo,
  cannot,
  type Kernels,
  need,
  strided,
  stridesOf,
  type Value,
  value,
} from "./value.ts";

/** Matrix products. */
export const matrix: Kernels = {
  MatMul: (inputs, node) => {
    const [a, b] = [need(inputs, 0, node), need(inputs, 1, node)];
    const left: Shape = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
    const right: Shape = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
    const [rows, inner, columns] = [left.at(-2) ?? 1, left.at(-1) ?? 1, right.at(-1) ?? 1];
    if (right.at(-2) !== inner || a.shape.length === 0 || b.shape.length === 0) {
      throw cannot(node, `the inner sizes ${inner} and ${right.at(-2)} differ`);
    }
    const batch = broadcastShape([left.slice(0, -2), right.slice(0, -2)], node);
    const A = broadcastTo({ ...a, shape: left }, [...batch, rows, inner]);
    const B = broadcastTo({ ...b, shape: right }, [...batch, inner, columns]);
    const out = new Float64Array(sizeOf(batch) * rows * columns);
    for (let n = 0; n < sizeOf(batch); n++) {
      multiply(
        A.subarray(n * rows * inner, (n + 1) * rows * inner),
        B.subarray(n * inner * columns, (n + 1) * inner * columns),
        out.subarray(n * rows * columns, (n + 1) * rows * columns),
        inner,
        columns,
      );
    }
    const shape = [
      ...batch,
      ...(a.shape.length === 1 ? [] : [rows]),
      ...(b.shape.length === 1 ? [] : [columns]),
    ];
    return value(a.dtype, shape, out);
  },

  Gemm: (inputs, node) => {
    const turned = (x: Value, name: string): Value =>
      intAttribute(node, name, 0) === 0
        ? x
        : value(
            x.dtype,
            x.shape.toReversed(),
            strided(x.data, x.shape.toReversed(), stridesOf(x.shape).toReversed()),
          );
    const a = turned(need(inputs, 0, node), "transA");
    const b = turned(need(inputs, 1, node), "transB");
    const [rows = 1, inner = 1] = a.shape;
    const [innerB = 1, columns = 1] = b.shape;
    if (a.shape.length !== 2 || b.shape.length !== 2 || inner !== innerB) {
      throw cannot(node, `the inner sizes ${inner} and ${innerB} differ`);
    }
    const out = new Float64Array(rows * columns);
    multiply(a.data, b.data, out, inner, columns);
    const alpha = floatAttribute(node, "alpha", 1);
    const beta = floatAttribute(node, "beta", 1);
    const c = inputs[2] && broadcastTo(inputs[2], [rows, columns]);
    return value(
      a.dtype,
      [rows, columns],
      out.map((product, index) => alpha * product + (c === undefined ? 0 : beta * (c[index] ?? 0))),
    );
  },

  /** Sums the product of all inputs over the letters that the output does not name. */
  Einsum: (inputs, node) => {
    const equation = stringAttribute(node, "equation", "").replaceAll(" ", "");
    const [left = "", explicit] = equation.split("->");
    const terms = left.split(",");
    const letters = [...left.replaceAll(",", "")];
    if (equation.includes(".") || terms.length !== inputs.length) {
      throw cannot(node, `its equation is "${equation}"`);
    }
    const once = letters.filter(
      (letter) => letters.indexOf(letter) === letters.lastIndexOf(letter),
    );
    const kept = [...(explicit ?? once.toSorted().join(""))];
    const all = [...kept, ...new Set(letters.filter((letter) => !kept.includes(letter)))];
    const sizes = new Map<string, number>();
    terms.forEach((term, index) => {
      const { shape } = need(inputs, index, node);
      if (term.length !== shape.length) {
        throw cannot(node, `its equation "${equation}" does not fit its inputs`);
      }
      [...term].forEach((letter, axis) => {
        const size = shape[axis] ?? 1;
        if ((sizes.get(letter) ?? size) !== size) {
          throw cannot(node, `its axes "${letter}" have different sizes`);
        }
        sizes.set(letter, size);
      });
    });
    const shape = all.map((letter) => sizes.get(letter) ?? 1);
    const factors = terms.map((term, index) => {
      const x = need(inputs, index, node);
      const own = stridesOf(x.shape);
      const along = all.map((letter) =>
        [...term].reduce((sum, each, axis) => sum + (each === letter ? (own[axis] ?? 0) : 0), 0),
      );
      return strided(x.data, shape, along);
    });
    const outShape = shape.slice(0, kept.length);
    const out = new Float64Array(sizeOf(outShape));
    const summed = sizeOf(shape.slice(kept.length));
    for (let at = 0; at < out.length * summed; at++) {
      const place = Math.floor(at / summed);
      out[place] =
        (out[place] ?? 0) + factors.reduce((product, factor) => product * (factor[at] ?? 0), 1);
    }
    return value(need(inputs, 0, node).dtype, outShape, out);
  },
};

/** out [rows, columns] += a [rows, inner] b [inner, columns]. */
export function multiply(
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  inner: number,
  columns: number,
): void {
  const rows = columns === 0 ? 0 : out.length / columns;
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < inner; k++) {
      const factor = a[row * inner + k] as number;
      const from = k * columns;
      const to = row * columns;
      for (let column = 0; column < columns; column++) {
        out[to + column] = (out[to + column] as number) + factor * (b[from + column] as number);
      }
    }
  }
}
