import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TracInError } from "../../../src/core/errors.ts";
import { type Hdf5File, openHdf5 } from "../../../src/core/formats/hdf5.ts";
import { listOf } from "../checkpoints/expected.ts";

const goldens = join(import.meta.dirname, "../golden");
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "tracin-hdf5-"));
});
afterAll(() => rm(scratch, { recursive: true }));

async function reading<T>(path: string, use: (hdf5: Hdf5File) => Promise<T> | T): Promise<T> {
  const hdf5 = await openHdf5(path, "x.h5", "checkpoint");
  try {
    return await use(hdf5);
  } finally {
    await hdf5.close();
  }
}

async function unpacked(name: string): Promise<string> {
  const path = join(scratch, name);
  await writeFile(
    path,
    await promisify(gunzip)(await readFile(join(goldens, "hdf5", `${name}.gz`))),
  );
  return path;
}

/** Opens bytes and reads everything; undefined when nothing is wrong. */
async function refusal(bytes: Uint8Array): Promise<TracInError | undefined> {
  const path = join(scratch, "damaged.h5");
  await writeFile(path, bytes);
  try {
    await reading(path, async (hdf5) => {
      for (const { path: name, dtype } of hdf5.datasets.values()) {
        if (dtype !== undefined) {
          await hdf5.read(name);
        }
      }
    });
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(TracInError);
    expect(error).toMatchObject({ kind: "checkpoint", place: { file: "x.h5" } });
    return error as TracInError;
  }
}

describe("HDF5", () => {
  it("reads chunks, filters, byte orders, new headers and all kinds of attributes", async () => {
    await reading(await unpacked("filters.h5"), async (hdf5) => {
      const values = Array.from({ length: 700 }, (_, index) => Math.fround(index / 3));
      expect(hdf5.datasets.get("big")).toMatchObject({ dtype: "float64", shape: [7, 100] });
      expect(listOf((await hdf5.read("big")).data)).toEqual(values);
      const half = await hdf5.read("half");
      expect(half).toMatchObject({ dtype: "float32", shape: [7, 100] });
      // Half precision keeps 11 binary digits.
      for (const [index, value] of half.data.entries()) {
        expect(Math.abs(Number(value) - index / 3)).toBeLessThanOrEqual(index / 3 / 2 ** 11);
      }
      expect(listOf((await hdf5.read("flags")).data)).toEqual([1, 0]);
      const root = hdf5.groups.get("");
      expect(root?.get("attribute 17")).toBe(17);
      expect(root?.get("long")).toBe("é".repeat(70_000));
      expect(root?.get("names")).toEqual(["α", "", "c"]);
      expect(root?.get("fixed")).toEqual(["ab", "cde"]);
    });
  });

  it("leaves other types alone", async () => {
    await reading(join(goldens, "hdf5/types.h5"), async (hdf5) => {
      const types = [...hdf5.datasets.values()].map(({ dtype, shape }) => [dtype, shape]);
      expect(types).toEqual([
        ["float32", [2, 3]],
        [undefined, [2]],
        [undefined, [1]],
        ["float32", [0]],
        [undefined, [1]],
      ]);
      await expect(hdf5.read("layers/dense/vars/1")).rejects.toThrow("does not hold numbers");
      expect([...(hdf5.groups.get("")?.keys() ?? [])]).toEqual([]);
    });
  });

  it("reads a large dataset in parts", async () => {
    await reading(await unpacked("bomb.h5"), async (hdf5) => {
      const { data, shape } = await hdf5.read("layers/dense/vars/1");
      expect(shape).toEqual([16, 2 ** 20]);
      expect(data.every((value: number | bigint) => value === 0)).toBe(true);
    });
  });

  it.each([
    ["soft-link.h5", /"layers\/dense\/vars\/1" is a link to "\/layers\/dense\/vars\/0"/],
    ["dangling-link.h5", /is a link to "\/nowhere"/],
    ["external-link.h5", /is a link to the file "\/etc\/hostname", and links are not followed/],
    ["cycle.h5", /group "layers\/dense\/again" is linked from several places/],
    ["twice.h5", /is linked from several places/],
    ["virtual.h5", /is made of parts of other files/],
    ["lzf.h5", /required filter 'lzf' is not registered/],
    ["huge.h5", /claims the shape \[1048576, 1048576\], which is more than the file can hold/],
    ["external-storage.h5", /refers to another file, "\/etc\/hostname", which is not opened/],
  ])("refuses %s", async (name, message) => {
    const error = await refusal(await readFile(join(goldens, "hdf5", name)));
    expect(error?.message).toMatch(message);
  });

  it("refuses a heap through which the library would walk for ever", async () => {
    const bytes = await readFile(join(goldens, "keras/adam.h5"));
    // The heap's last object is its unused space: index 0, then its size.
    const heap = bytes.indexOf("GCOL");
    let free = heap + 16;
    while (bytes.readUInt16LE(free) !== 0) {
      free += 16 + Math.ceil(bytes.readUInt32LE(free + 8) / 8) * 8;
    }
    bytes.writeUInt32LE(0, free + 8);
    expect((await refusal(bytes))?.message).toMatch(/unused space of no size/);
  });

  it("reads other files after one that broke the library", async () => {
    const whole = await readFile(join(goldens, "keras/adam.h5"));
    const good = join(goldens, "keras/adam.weights.h5");
    await reading(good, async (open) => {
      const before = await open.read("layers/dense/vars/0");
      expect(await refusal(whole.subarray(0, 9000))).toBeDefined();
      expect(await open.read("layers/dense/vars/0")).toEqual(before);
      await reading(good, async (again) => {
        expect(await again.read("layers/dense/vars/0")).toEqual(before);
      });
    });
  });

  it("survives damage anywhere", async () => {
    const whole = await readFile(join(goldens, "keras/adam.h5"));
    let seed = 3;
    const random = (): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 2 ** 32;
    };
    let refused = 0;
    for (let round = 0; round < 40; round++) {
      const bytes = Buffer.from(whole);
      for (let hit = 0; hit < 4; hit++) {
        bytes[Math.floor(random() ** 2 * bytes.length)] = Math.floor(random() * 256);
      }
      refused += (await refusal(bytes)) === undefined ? 0 : 1;
    }
    expect(refused).toBeGreaterThan(8);
    for (const end of [0, 7, 100, 2000, 20_000]) {
      expect(await refusal(whole.subarray(0, end))).toBeDefined();
    }
  });
});
