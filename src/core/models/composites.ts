import { floatAttribute, intAttribute, type Node, stringAttribute } from "../graph/graph.ts";
import { toNumbers } from "../graph/tensor.ts";
import { type Conversion, type Convert, int, ints, Replacement } from "./conversion.ts";

/** Operators that are written with simpler ones, so that nothing behind the import need know them. */
export const composites: Readonly<Record<string, Convert | undefined>> = {
  /** x/2 (1 + erf(x / sqrt 2)), or its approximation x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
  Gelu(conversion) {
    const { node } = conversion;
    const [x = ""] = node.inputs;
    const nodes = new Replacement(conversion);
    let sigmoid: string;
    if (stringAttribute(node, "approximate", "none") === "tanh") {
      const cube = nodes.apply("Mul", [nodes.apply("Mul", [x, x]), x]);
      const bent = nodes.apply("Mul", [cube, nodes.scalar("cubic", 0.044715)]);
      const scale = nodes.scalar("scale", Math.sqrt(2 / Math.PI));
      sigmoid = nodes.apply("Tanh", [nodes.apply("Mul", [nodes.apply("Add", [x, bent]), scale])]);
    } else {
      sigmoid = nodes.apply("Erf", [nodes.apply("Mul", [x, nodes.scalar("scale", Math.SQRT1_2)])]);
    }
    const half = nodes.apply("Mul", [x, nodes.scalar("half", 0.5)]);
    return nodes.end("Mul", [half, nodes.apply("Add", [sigmoid, nodes.scalar("one", 1)])]);
  },

  /** x sigmoid(alpha x) (operator set 24). */
  Swish(conversion) {
    const [x = ""] = conversion.node.inputs;
    const nodes = new Replacement(conversion);
    return nodes.end("Mul", [x, gate(nodes, conversion, x)]);
  },

  /** a sigmoid(alpha a) b (operator set 28). */
  SwiGLU(conversion) {
    const [a = "", b = ""] = conversion.node.inputs;
    const nodes = new Replacement(conversion);
    return nodes.end("Mul", [nodes.apply("Mul", [a, gate(nodes, conversion, a)]), b]);
  },

  /** x - bias above lambd, x + bias below -lambd, 0 between (nn.Hardshrink, nn.Softshrink). */
  Shrink(conversion) {
    const { node } = conversion;
    const [x = ""] = node.inputs;
    const nodes = new Replacement(conversion);
    const bound = nodes.scalar("lambd", floatAttribute(node, "lambd", 0.5));
    const isKept = nodes.apply("Greater", [nodes.apply("Abs", [x]), bound]);
    const kept = nodes.apply("Cast", [isKept], { to: int(1) });
    const bias = floatAttribute(node, "bias", 0);
    if (bias === 0) {
      return nodes.end("Mul", [x, kept]);
    }
    const shift = nodes.apply("Mul", [nodes.apply("Sign", [x]), nodes.scalar("bias", bias)]);
    return nodes.end("Mul", [nodes.apply("Sub", [x, shift]), kept]);
  },

  /** x divided by its norm along an axis; zeros stay zeros. */
  LpNormalization(conversion) {
    const { node } = conversion;
    const [x = ""] = node.inputs;
    const nodes = new Replacement(conversion);
    const axes = nodes.ints("axes", [intAttribute(node, "axis", -1)]);
    const op = intAttribute(node, "p", 2) === 1 ? "ReduceL1" : "ReduceL2";
    const norm = nodes.apply(op, [x, axes], { keepdims: int(1) });
    const isZero = nodes.apply("Equal", [norm, nodes.scalar("zero", 0)]);
    const one = nodes.apply("Cast", [isZero], { to: int(1) });
    return nodes.end("Div", [x, nodes.apply("Add", [norm, one])]);
  },

  /** x / (bias + alpha mean(x^2))^beta, the mean over `size` neighbouring channels, those beyond the edge being 0. */
  LRN(conversion) {
    const { node } = conversion;
    const [x = ""] = node.inputs;
    const nodes = new Replacement(conversion);
    const size = intAttribute(node, "size", 1);
    const squares = nodes.apply("Mul", [x, x]);
    // [batch, 1, channels, positions]: an average pool along the channels.
    const flat = nodes.apply("Reshape", [squares, nodes.ints("flat", [0, 0, -1])]);
    const image = nodes.apply("Unsqueeze", [flat, nodes.ints("axis", [1])]);
    const mean = nodes.apply("AveragePool", [image], {
      kernel_shape: ints([size, 1]),
      pads: ints([Math.floor((size - 1) / 2), 0, Math.ceil((size - 1) / 2), 0]),
      count_include_pad: int(1),
    });
    const back = nodes.apply("Reshape", [mean, nodes.apply("Shape", [x])]);
    const alpha = nodes.scalar("alpha", floatAttribute(node, "alpha", 1e-4));
    const bias = nodes.scalar("bias", floatAttribute(node, "bias", 1));
    const base = nodes.apply("Add", [nodes.apply("Mul", [back, alpha]), bias]);
    const beta = nodes.scalar("beta", floatAttribute(node, "beta", 0.75));
    return nodes.end("Div", [x, nodes.apply("Pow", [base, beta])]);
  },
};

function gate(nodes: Replacement, { node }: Conversion, x: string): string {
  const alpha = floatAttribute(node, "alpha", 1);
  return nodes.apply("Sigmoid", [
    alpha === 1 ? x : nodes.apply("Mul", [x, nodes.scalar("alpha", alpha)]),
  ]);
}

/** Padding with the other end of x (operator set 19): a Concat per axis. */
export function wrapPad(conversion: Conversion): readonly Node[] {
  const { node, constant, fail } = conversion;
  const nodes = new Replacement(conversion);
  const [x = "", padding = "", , given = ""] = node.inputs;
  const counts = constant(padding) ?? fail("The pads of a Pad that wraps around are not constant.");
  const pads = toNumbers(counts);
  const named = given === "" ? undefined : constant(given);
  const axes = named ? toNumbers(named) : pads.slice(pads.length / 2).map((_, axis) => axis);
  let value = x;
  const slice = (axis: number, start: number, end: number): string =>
    nodes.apply("Slice", [
      value,
      nodes.ints("starts", [start]),
      nodes.ints("ends", [end]),
      nodes.ints("axes", [axis]),
    ]);
  axes.forEach((axis, index) => {
    const [before, after] = [pads[index] ?? 0, pads[axes.length + index] ?? 0];
    if (before < 0 || after < 0) {
      fail("A Pad that wraps around has negative pads.");
    }
    const parts = [
      ...(before > 0 ? [slice(axis, -before, Number.MAX_SAFE_INTEGER)] : []),
      value,
      ...(after > 0 ? [slice(axis, 0, after)] : []),
    ];
    value = parts.length === 1 ? value : nodes.apply("Concat", parts, { axis: int(axis) });
  });
  return nodes.end("Identity", [value]);
}
