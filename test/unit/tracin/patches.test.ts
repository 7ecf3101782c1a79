import { describe, expect, test } from "vitest";
import { offsets, type WindowGeometry } from "../../../src/core/autodiff/rules/window.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import { float32, sizeOf } from "../../../src/core/graph/tensor.ts";
import { patches } from "../../../src/core/tracin/patches.ts";

/** A window of which the input is as large as the output, unless strides say otherwise. */
function window(
  size: readonly number[],
  kernel: readonly number[],
  before: readonly number[],
  dilations = size.map(() => 1),
  strides = size.map(() => 1),
): WindowGeometry {
  const out = size.map((n, axis) => Math.ceil(n / (strides[axis] as number)));
  const reach = size.map(
    (n, axis) =>
      ((out[axis] as number) - 1) * (strides[axis] as number) +
      (dilations[axis] as number) * ((kernel[axis] as number) - 1) +
      1 -
      n -
      (before[axis] as number),
  );
  return { kernel, strides, dilations, before, after: reach, size, out, reach };
}

/** The element that each output position sees at each kernel position, by its definition. */
function expected(x: Float32Array, images: number, view: WindowGeometry): number[][] {
  const { kernel, strides, dilations, before, size, out } = view;
  const area = sizeOf(size);
  return offsets(kernel).map((offset) =>
    Array.from({ length: images }, (_, image) => image).flatMap((image) =>
      offsets(out).map((position) => {
        const place = position.map(
          (index, axis) =>
            index * (strides[axis] as number) +
            (offset[axis] as number) * (dilations[axis] as number) -
            (before[axis] as number),
        );
        const isInside = place.every((at, axis) => at >= 0 && at < (size[axis] as number));
        const flat = place.reduce((sum, at, axis) => sum * (size[axis] as number) + at, 0);
        return isInside ? (x[image * area + flat] as number) : 0;
      }),
    ),
  );
}

const cases: Record<string, WindowGeometry> = {
  "3 x 3": window([5, 4], [3, 3], [1, 1]),
  "3 x 3 on one row": window([1, 4], [3, 3], [1, 1]),
  "5 x 3, more before than after": window([4, 6], [5, 3], [3, 2]),
  "3 x 3 with dilation, larger than the image": window([2, 2], [3, 3], [3, 3], [3, 3]),
  "one axis": window([7], [4], [2]),
  "one axis of one element": window([1], [5], [2]),
  "three axes": window([3, 2, 4], [3, 2, 3], [1, 1, 1]),
  "1 x 1": window([3, 3], [1, 1], [0, 0]),
  "stride 2": window([5, 5], [3, 3], [1, 1], [1, 1], [2, 2]),
};

describe.each([referenceEngine(), onnxruntimeEngine()])("patches, engine $name", (engine) => {
  test.each(Object.entries(cases))("%s", async (_, view) => {
    const shape = [2, 3, ...view.size];
    // No zeros, so that what is zeroed shows.
    const x = float32(
      shape,
      Array.from({ length: sizeOf(shape) }, (_, index) => index + 1),
    );
    const builder = new GraphBuilder();
    const input = builder.input({ name: "x", dtype: "float32", shape });
    const names = patches(builder, input, shape, view).map((value, index) => {
      const name = `patch ${index}`;
      const flat = builder.reshape(value, [-1]);
      builder.add({
        op: "Identity",
        name,
        inputs: [flat],
        outputs: [name],
        attributes: {},
      });
      builder.output({ name, dtype: "float32", shape: [6 * sizeOf(view.out)] });
      return name;
    });
    const program = await engine.compile(builder.build());
    const values = await program.run(new Map([["x", x]]));
    await program.dispose();
    const found = names.map((name) => Array.from(values.get(name)?.data ?? [], Number));
    expect(found).toEqual(expected(x.data, 6, view));
  });
});
