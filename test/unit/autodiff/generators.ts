import { int64, type Shape } from "../../../src/core/graph/tensor.ts";
import { chance, integer, oneOf, shape, smaller, subset, tensor } from "./draw.ts";
import type { Draw, OperatorCase } from "./harness.ts";

/** Makes values of a shape. */
type Fill = (draw: Draw, of: Shape) => ReturnType<typeof tensor>;

/** Cases of an operator on one value. */
export function unary(fill: Fill, attributes?: (draw: Draw) => OperatorCase["attributes"]) {
  return (draw: Draw): OperatorCase => ({
    inputs: [fill(draw, shape(draw))],
    checked: [0],
    attributes: attributes?.(draw) ?? {},
  });
}

/** Cases of an operator on two values that broadcast. */
export function binary(fill: Fill) {
  return (draw: Draw): OperatorCase => {
    const to = shape(draw);
    const other = smaller(draw, to);
    const [a, b] = chance(draw) ? [to, other] : [other, to];
    return { inputs: [fill(draw, a), fill(draw, b)], checked: [0, 1] };
  };
}

/** Cases of a reduction over some axes, all of them, or none. */
export function reduction(fill: Fill) {
  return (draw: Draw): OperatorCase => {
    const x = shape(draw);
    const keepdims = Number(chance(draw));
    if (integer(draw, 0, 4) === 0) {
      const noop = chance(draw) ? { noop_with_empty_axes: 1 } : {};
      return { inputs: [fill(draw, x)], checked: [0], attributes: { keepdims, ...noop } };
    }
    const axes = subset(draw, x.length).map((axis) => (chance(draw) ? axis : axis - x.length));
    return {
      inputs: [fill(draw, x), int64([axes.length], axes)],
      checked: [0],
      attributes: { keepdims },
    };
  };
}

/** Cases of an operator along one axis. */
export function alongAxis(draw: Draw): OperatorCase {
  const x = shape(draw);
  const axis = integer(draw, -x.length, x.length - 1);
  return { inputs: [tensor(draw, x)], checked: [0], attributes: { axis } };
}

/** A random window that fits its input: kernel, stride, padding (explicit or automatic), dilation. */
export function slidingWindow(draw: Draw, rank: number, dilated: boolean) {
  const each = <T>(make: (axis: number) => T) =>
    Array.from({ length: rank }, (_, axis) => make(axis));
  const kernel = each(() => integer(draw, 1, 3));
  const strides = each(() => integer(draw, 1, 3));
  const dilations = each(() => (dilated && chance(draw) ? 2 : 1));
  const size = each(
    (axis) => (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1 + integer(draw, 0, 4),
  );
  const pad = (axis: number) => integer(draw, 0, (kernel[axis] ?? 1) - 1);
  // onnxruntime refuses SAME with dilation, or with strides beyond the kernel.
  const same = kernel.every(
    (extent, axis) => dilations[axis] === 1 && (strides[axis] ?? 1) <= extent,
  );
  const automatic = same ? ["SAME_UPPER", "SAME_LOWER", "VALID"] : ["VALID"];
  const padding = oneOf(draw, ["none", "explicit", "explicit", ...automatic]);
  const pads = padding === "explicit" ? [...each(pad), ...each(pad)] : [];
  // Where rounding up could drop the last window again, onnxruntime's shape inference disagrees with its own kernel.
  const mayRoundUp = kernel.every(
    (extent, axis) =>
      (strides[axis] ?? 1) + (pads[rank + axis] ?? 0) <= (dilations[axis] ?? 1) * (extent - 1) + 1,
  );
  return {
    size,
    kernel,
    mayRoundUp,
    attributes: {
      kernel_shape: kernel,
      strides,
      ...(dilated ? { dilations } : {}),
      ...(pads.length > 0 ? { pads } : {}),
      ...(["none", "explicit"].includes(padding) ? {} : { auto_pad: padding }),
    },
  };
}

/** A random window of a transposed convolution: explicit padding and output padding, an output shape, or automatic. */
export function transposedWindow(draw: Draw, rank: number) {
  const each = <T>(make: (axis: number) => T) =>
    Array.from({ length: rank }, (_, axis) => make(axis));
  const kernel = each(() => integer(draw, 1, 3));
  const strides = each(() => integer(draw, 1, 3));
  const dilations = each(() => integer(draw, 1, 2));
  const size = each(() => integer(draw, 2, 4));
  const pad = (axis: number) => integer(draw, 0, Math.floor(((kernel[axis] ?? 1) - 1) / 2));
  // onnxruntime takes less than a stride only.
  const extra = (axis: number) => integer(draw, 0, (strides[axis] ?? 1) - 1);
  // Where windows leave gaps, onnxruntime's SAME gives less than the size times the stride.
  const same = kernel.every(
    (extent, axis) => (dilations[axis] ?? 1) * (extent - 1) + 1 >= (strides[axis] ?? 1),
  );
  const automatic = same ? ["SAME_UPPER", "SAME_LOWER", "VALID"] : ["VALID"];
  const padding = oneOf(draw, ["none", "explicit", "explicit", ...automatic]);
  const explicit = {
    pads: [...each(pad), ...each(pad)],
    output_padding: each(extra),
  };
  return {
    size,
    kernel,
    attributes: {
      kernel_shape: kernel,
      strides,
      dilations,
      ...(padding === "explicit" ? explicit : {}),
      ...(["none", "explicit"].includes(padding) ? {} : { auto_pad: padding }),
    },
  };
}
