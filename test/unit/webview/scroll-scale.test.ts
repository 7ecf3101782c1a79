import { describe, expect, it } from "vitest";
import { offsetOf, realOf } from "../../../webview/scroll-scale.ts";

/** A million rows of 103 pixels on a page of 8 million, in a window of 700. */
const geometry = { start: 400, real: 8_000_400 - 700, hidden: 95_000_000, zone: 14_000 };
const end = geometry.real + geometry.hidden;

describe("offsets in lists that are higher than a page", () => {
  it.each([
    ["the top", 0, 0],
    ["the first rows", 12_345, 12_345],
    ["the end", end, geometry.real],
    ["the last rows", end - 12_345, geometry.real - 12_345],
  ])("%s is a pixel for a pixel", (_, offset, real) => {
    expect(realOf(offset, geometry)).toBe(real);
    expect(offsetOf(real, geometry)).toBe(offset);
  });

  it("go up with the page, back and forth", () => {
    let before = -1;
    for (let offset = 0; offset <= end; offset += end / 997) {
      const real = realOf(offset, geometry);
      expect(real).toBeGreaterThan(before);
      expect(offsetOf(real, geometry)).toBeCloseTo(offset, 3);
      before = real;
    }
    // Half of the lists is half of the page.
    expect(realOf(end / 2, geometry) / geometry.real).toBeCloseTo(0.5, 2);
  });

  it("are those of the page where the lists fit", () => {
    const plain = { ...geometry, hidden: 0 };
    for (const offset of [0, 5000, 4_000_000, plain.real]) {
      expect(realOf(offset, plain)).toBe(offset);
      expect(offsetOf(offset, plain)).toBe(offset);
    }
  });
});
