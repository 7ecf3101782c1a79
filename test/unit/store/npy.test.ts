import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { NpyWriter } from "../../../src/core/store/npy.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracin-npy-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it.each([
  [[4], "(4,)"],
  [[2, 3], "(2, 3)"],
  [[2, 1, 3], "(2, 1, 3)"],
  [[2, 0], "(2, 0)"],
])("writes shape %j as format 1.0", async (shape, tuple) => {
  const path = join(folder, "a.npy");
  const writer = await NpyWriter.create(path, shape);
  await writer.finish();
  const bytes = await readFile(path);
  const length = bytes.readUInt16LE(8);
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from("\x93NUMPY\x01\x00", "latin1"));
  expect((10 + length) % 64).toBe(0);
  expect(bytes.toString("latin1", 10, 10 + length)).toMatch(
    new RegExp(
      `^\\{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple.replace(/[()]/g, "\\$&")}, \\} *\\n$`,
    ),
  );
  expect(bytes.length).toBe(10 + length + 4 * shape.reduce((a, b) => a * b, 1));
});

it("takes pieces in any order and appears only when finished", async () => {
  const path = join(folder, "a.npy");
  const writer = await NpyWriter.create(path, [2, 2]);
  await writer.write(2, Float32Array.of(3, 4));
  await writer.write(0, Float32Array.of(1, 2));
  await expect(writer.write(3, Float32Array.of(1, 2))).rejects.toThrow(/outside/);
  expect(await readdir(folder)).not.toContain("a.npy");
  await writer.finish();
  const bytes = await readFile(path);
  const data = bytes.subarray(10 + bytes.readUInt16LE(8));
  expect([0, 4, 8, 12].map((offset) => data.readFloatLE(offset))).toEqual([1, 2, 3, 4]);
  expect(await readdir(folder)).toEqual(["a.npy"]);
});

it("leaves nothing behind when discarded, and names a folder that is not there", async () => {
  const writer = await NpyWriter.create(join(folder, "a.npy"), [2]);
  await writer.discard();
  expect(await readdir(folder)).toEqual([]);
  await expect(NpyWriter.create(join(folder, "none", "a.npy"), [2])).rejects.toMatchObject({
    kind: "store",
  });
});

it("refuses the name of a folder before anything is computed", async () => {
  await expect(NpyWriter.create(folder, [2])).rejects.toMatchObject({
    kind: "store",
    message: expect.stringContaining("there is a folder of that name"),
  });
  expect(await readdir(folder)).toEqual([]);
});
