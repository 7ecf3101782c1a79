import { describe, expect, it, test } from "vitest";
import { pack, toHalf } from "../../../src/core/index/number-type.ts";

describe("halves", () => {
  // From numpy.float16 (2.x): the nearest half, ties to even, down to subnormal numbers.
  test.each([
    [0, 0],
    [1, 15360],
    [-1, 48128],
    [0.5, 14336],
    [0.10000000149011612, 11878],
    [-0.3333333432674408, 46421],
    [6.0999998822808266e-5, 1023],
    [5.960000137861243e-8, 1],
    [2.9800000689306216e-8, 0],
    [2.9802322387695312e-8, 0],
    [8.939999673884813e-8, 1],
    [0.99951171875, 15359],
    [0.9997557997703552, 15359],
    [0.999755859375, 15360],
    [-0.25000008940696716, 46080],
    [3.0517578125e-5, 512],
    [0.0009764999849721789, 5120],
    [6.097555160522461e-5, 1023],
  ])("%d", (value, bits) => {
    expect(toHalf(value)).toBe(bits);
  });
});

describe("rows as multiples of a scale", () => {
  const sketch = Float32Array.from([1e-9, -2e-9, 3e-9, 0, 0, 0, 5, -127, 64]);

  it("keeps tiny rows in float16, with the precision of a half", () => {
    const { sketch: packed, scales } = pack(sketch, 3, "float16");
    expect(scales?.data).toEqual(Float32Array.from([3e-9, 0, 127]));
    expect(packed.data[2]).toBe(15360);
    expect([...packed.data.subarray(3, 6)]).toEqual([0, 0, 0]);
  });

  it("rounds to a 127th of the largest in int8", () => {
    const { sketch: packed, scales } = pack(sketch, 3, "int8");
    expect([...packed.data]).toEqual([42, -85, 127, 0, 0, 0, 5, -127, 64]);
    expect(scales?.data[2]).toBe(1);
  });

  it("leaves float32 as it is", () => {
    const { sketch: packed, scales } = pack(sketch, 3, "float32");
    expect(packed.data).toBe(sketch);
    expect(scales).toBeUndefined();
  });
});
