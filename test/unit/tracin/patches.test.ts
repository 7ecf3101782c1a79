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
  "stride 2 along one axis, with dilation": window([6, 7], [2, 3], [1, 2], [3, 2], [1, 2]),
  "stride 3 on one axis": window([8], [4], [1], [1], [3]),
  "stride 2, 1 x 1, the last row left over": window([6, 5], [1, 1], [0, 0], [1, 1], [2, 2]),
  "stride 4 over many places": window([9, 9], [7, 7], [3, 3], [1, 1], [4, 4]),
  "stride 2, three rows left over": {
    ...window([7, 6], [2, 2], [0, 0], [1, 1], [2, 2]),
    out: [2, 3],
    after: [-3, 0],
    reach: [-3, 0],
  },
};

const engines = [referenceEngine(), onnxruntimeEngine()];

describe.each(engines)("patches, engine $name", (engine) => {
  describe.each([1, 2, 6])("in %i groups", (groups) => {
    test.each(Object.entries(cases))("%s", async (_, view) => {
      const [images, channels] = [2, 6];
      const shape = [images, channels, ...view.size];
      // No zeros, so that what is zeroed shows.
      const x = float32(
        shape,
        Array.from({ length: sizeOf(shape) }, (_, index) => index + 1),
      );
      const builder = new GraphBuilder();
      const input = builder.input({ name: "x", dtype: "float32", shape });
      const value = patches(builder, input, shape, view, groups);
      builder.output({ name: value, dtype: "float32", shape: [] });
      const program = await engine.compile(builder.build());
      const found = (await program.run(new Map([["x", x]]))).get(value);
      await program.dispose();
      const [taps, area] = [sizeOf(view.kernel), sizeOf(view.out)];
      expect(found?.shape).toEqual([images, groups, (taps * channels) / groups, area]);
      // By kernel position, then by image and channel.
      const seen = expected(x.data, images * channels, view);
      const inner = channels / groups;
      const ordered = Array.from({ length: images * groups }, (_, outer) =>
        seen.map((tap) => tap.slice(outer * inner * area, (outer + 1) * inner * area)),
      );
      expect(Array.from(found?.data ?? [], Number)).toEqual(ordered.flat(2));
    });
  });
});
