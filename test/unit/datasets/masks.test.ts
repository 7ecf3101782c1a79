import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeMask } from "../../../src/core/datasets/images/mask.ts";
import { resizeNearest } from "../../../src/core/datasets/images/resize.ts";
import { goldens } from "./workspace.ts";

interface Masks {
  readonly masks: Readonly<
    Record<
      string,
      {
        readonly size: readonly [number, number];
        readonly numbers: readonly number[];
        readonly resized: readonly {
          readonly size: readonly [number, number];
          readonly numbers: readonly number[];
        }[];
      }
    >
  >;
  /** `3 7`: positions 0 to 2 resized to 7 pixels. */
  readonly lines: Readonly<Record<string, readonly number[]>>;
}

const folder = join(goldens, "masks");
const golden: Masks = JSON.parse(await readFile(join(folder, "masks.json"), "utf8"));

describe("masks as Pillow reads and resizes them", () => {
  it.each(Object.keys(golden.masks))("%s", async (name) => {
    const { size, numbers, resized } = golden.masks[name] as Masks["masks"][string];
    const mask = decodeMask(await readFile(join(folder, `${name}.png`)), `${name}.png`);
    expect([mask.height, mask.width]).toEqual(size);
    expect([...mask.data]).toEqual(numbers);
    expect(resized.length).toBeGreaterThan(4);
    for (const { size: other, numbers: expected } of resized) {
      const [height, width] = other;
      expect([...resizeNearest(mask, width, height).data], other.join(" x ")).toEqual(expected);
    }
  });

  it("takes the same pixels at every pair of sizes", () => {
    for (const [sizes, expected] of Object.entries(golden.lines)) {
      const [from = 0, to = 0] = sizes.split(" ").map(Number);
      const data = Uint16Array.from({ length: from }, (_, index) => index);
      const line = { width: from, height: 1, data };
      expect([...resizeNearest(line, to, 1).data], sizes).toEqual(expected);
    }
  });
});

describe("files that are no masks", () => {
  it.each([
    ["colour.png", /colours instead of the numbers of classes/],
    ["masks.json", /no PNG image/],
  ])("%s", async (name, message) => {
    const bytes = await readFile(join(folder, name));
    expect(() => decodeMask(bytes, name)).toThrow(message);
  });

  it("a PNG file that is cut off", async () => {
    const bytes = await readFile(join(folder, "palette.png"));
    for (let length = 8; length < bytes.length; length += 7) {
      expect(() => decodeMask(bytes.subarray(0, length), "cut.png")).toThrow(/cannot be read/);
    }
  });
});
