import { floatAttribute, intAttribute, stringAttribute } from "../../graph/graph.ts";
import { type Shape, sameShape, sizeOf } from "../../graph/tensor.ts";
import { broadcastShape } from "../reference/value.ts";
import { transpose } from "./shape.ts";
import { cannot, type Kernels, like, need, type Run, reshape, type TfTensor } from "./value.ts";

/** Matrix products. */
export const matrix: Kernels = {
  MatMul: (inputs, node, run) => {
    const [a, b] = [need(inputs, 0, node), need(inputs, 1, node)];
    if (a.shape.length === 0 || b.shape.length === 0) {
      throw cannot(node, "an input is a single number");
    }
    const left: Shape = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
    const right: Shape = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
    const batch = broadcastShape([left.slice(0, -2), right.slice(0, -2)], node);
    const product = batchedProduct(
      run,
      reshape(run, a.device, left),
      reshape(run, b.device, right),
      batch,
    );
    return like(
      run,
      a,
      reshape(run, product, [
        ...batch,
        ...(a.shape.length === 1 ? [] : left.slice(-2, -1)),
        ...(b.shape.length === 1 ? [] : right.slice(-1)),
      ]),
    );
  },

  Gemm: (inputs, node, run) => {
    const { tf } = run;
    const [a, b] = [need(inputs, 0, node), need(inputs, 1, node)];
    const [alpha, beta] = [floatAttribute(node, "alpha", 1), floatAttribute(node, "beta", 1)];
    const turned = (name: string) => intAttribute(node, name, 0) !== 0;
    const product = tf.matMul(a.device, b.device, turned("transA"), turned("transB"));
    const scaled = alpha === 1 ? product : tf.mul(product, alpha);
    const c = inputs[2]?.device;
    return like(
      run,
      a,
      c === undefined ? scaled : tf.add(scaled, beta === 1 ? c : tf.mul(c, beta)),
    );
  },

  Einsum: (inputs, node, run) => {
    const equation = stringAttribute(node, "equation", "").replaceAll(" ", "");
    const [left = "", explicit] = equation.split("->");
    const terms = left.split(",");
    const letters = [...left.replaceAll(",", "")];
    if (equation.includes(".") || terms.length !== inputs.length) {
      throw cannot(node, `its equation is "${equation}"`);
    }
    const once = letters.filter((each) => letters.indexOf(each) === letters.lastIndexOf(each));
    const wanted = [...(explicit ?? once.toSorted().join(""))];
    const factors = terms.map((term, index): Term => {
      const x = need(inputs, index, node);
      if (term.length !== x.shape.length) {
        throw cannot(node, `its equation "${equation}" does not fit its inputs`);
      }
      return diagonal(run, { letters: [...term], tensor: x.device });
    });
    // Letters that neither a later factor nor the output names are summed as soon as they are alone.
    const product = factors.reduce((a, b, index) => {
      const later = factors.slice(index + 1).flatMap((factor) => factor.letters);
      return contract(run, a, b, [...wanted, ...later]);
    });
    const { letters: own, tensor } = summed(run, product, wanted);
    const order = wanted.map((letter) => own.indexOf(letter));
    return like(run, need(inputs, 0, node), transpose(run, tensor, order));
  },
};

/** a [batch or 1, m, k] times b [batch or 1, k, n], broadcast to the batch axes: [batch, m, n]. */
function batchedProduct(run: Run, a: TfTensor, b: TfTensor, batch: Shape): TfTensor {
  const { tf } = run;
  const [rows = 1, inner = 1] = a.shape.slice(-2);
  const [innerB = 1, columns = 1] = b.shape.slice(-2);
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (sizeOf(batchB) === 1) {
    // All rows in one product.
    const all = reshape(run, a, [sizeOf(batchA) * rows, inner]);
    const product = tf.matMul(all, reshape(run, b, [innerB, columns]));
    return reshape(run, product, [...batch, rows, columns]);
  }
  // The backends differ in what else they broadcast: one factor is whole, the other whole or one matrix.
  const whole = (x: TfTensor, own: Shape): TfTensor => {
    const matrixShape = x.shape.slice(-2);
    const isWhole = sizeOf(own) === 1 || sameShape(own, batch);
    const spread = isWhole ? x : tf.broadcastTo(x, [...batch, ...matrixShape]);
    return reshape(run, spread, [isWhole ? sizeOf(own) : sizeOf(batch), ...matrixShape]);
  };
  const product = tf.matMul(whole(a, batchA), whole(b, batchB));
  return reshape(run, product, [...batch, rows, columns]);
}

/** A tensor with a letter for each axis. */
interface Term {
  readonly letters: readonly string[];
  readonly tensor: TfTensor;
}

/** Letters that come twice in a term name its diagonal. */
function diagonal(run: Run, { letters, tensor }: Term): Term {
  const { tf } = run;
  const twice = letters.findIndex((letter, axis) => letters.indexOf(letter) < axis);
  if (twice < 0) {
    return { letters, tensor };
  }
  const first = letters.indexOf(letters[twice] as string);
  const size = tensor.shape[first] as number;
  const others = letters.map((_, axis) => axis).filter((axis) => axis !== first && axis !== twice);
  const rest = others.map((axis) => tensor.shape[axis] as number);
  const flat = reshape(run, transpose(run, tensor, [first, twice, ...others]), [
    size * size,
    ...rest,
  ]);
  const places = tf.tensor1d(
    Int32Array.from({ length: size }, (_, index) => index * (size + 1)),
    "int32",
  );
  return diagonal(run, {
    letters: [letters[first] as string, ...others.map((axis) => letters[axis] as string)],
    tensor: tf.gather(flat, places),
  });
}

/** Sums over the letters that are not kept. */
function summed(run: Run, { letters, tensor }: Term, kept: readonly string[]): Term {
  const axes = letters.flatMap((letter, axis) => (kept.includes(letter) ? [] : [axis]));
  return axes.length === 0
    ? { letters, tensor }
    : {
        letters: letters.filter((letter) => kept.includes(letter)),
        tensor: run.tf.sum(tensor, axes),
      };
}

/** The product of two terms, summed over the letters that are not kept, as one batched matrix product. */
function contract(run: Run, a: Term, b: Term, kept: readonly string[]): Term {
  const left = summed(run, a, [...b.letters, ...kept]);
  const right = summed(run, b, [...a.letters, ...kept]);
  const shared = left.letters.filter((letter) => right.letters.includes(letter));
  const batch = shared.filter((letter) => kept.includes(letter));
  const inner = shared.filter((letter) => !kept.includes(letter));
  const rows = left.letters.filter((letter) => !shared.includes(letter));
  const columns = right.letters.filter((letter) => !shared.includes(letter));
  const sizes = (term: Term, of: readonly string[]) =>
    of.map((letter) => term.tensor.shape[term.letters.indexOf(letter)] as number);
  const arranged = (term: Term, groups: readonly (readonly string[])[]) => {
    const order = groups.flat().map((letter) => term.letters.indexOf(letter));
    const shape = groups.map((group) => sizeOf(sizes(term, group)));
    return reshape(run, transpose(run, term.tensor, order), shape);
  };
  const product = run.tf.matMul(
    arranged(left, [batch, rows, inner]),
    arranged(right, [batch, inner, columns]),
  );
  const shape = [...sizes(left, batch), ...sizes(left, rows), ...sizes(right, columns)];
  return { letters: [...batch, ...rows, ...columns], tensor: reshape(run, product, shape) };
}
