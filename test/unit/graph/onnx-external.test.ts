import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { externalData } from "../../../src/core/graph/onnx-external.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracin-external-"));
  await mkdir(join(folder, "model", "parts"), { recursive: true });
  await writeFile(join(folder, "secret"), Uint8Array.of(9, 9, 9, 9));
  await writeFile(join(folder, "model", "model.onnx.data"), Uint8Array.of(1, 2, 3, 4, 5, 6));
  await writeFile(join(folder, "model", "parts", "w"), Uint8Array.of(7, 8));
  await symlink(join(folder, "secret"), join(folder, "model", "link"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const read = (location: string, offset: number, length: number): number[] => [
  ...externalData(join(folder, "model", "model.onnx"))(location, offset, length, {
    file: "model.onnx",
    tensor: "fc.weight",
  }),
];

test("reads a range of a file beside the model", () => {
  expect(read("model.onnx.data", 2, 3)).toEqual([3, 4, 5]);
  expect(read("parts/w", 0, 2)).toEqual([7, 8]);
  expect(read("model.onnx.data", 6, 0)).toEqual([]);
});

test.each([
  ["../secret", "outside the model's folder"],
  ["parts/../../secret", "outside the model's folder"],
  ["parts\\..\\..\\secret", "outside the model's folder"],
  ["/etc/hostname", "outside the model's folder"],
  ["C:secret", "outside the model's folder"],
  ["link", "is a link"],
  ["missing", "cannot be read beside the model"],
])("refuses %s", (location, message) => {
  expect(() => read(location, 0, 1)).toThrow(message);
});

test("refuses more bytes than there are before it makes room for them", () => {
  expect(() => read("model.onnx.data", 4, 3)).toThrow(
    'said to be bytes 4 to 7 of "model.onnx.data", which has 6',
  );
  expect(() => read("model.onnx.data", 0, 2 ** 50)).toThrow("which has 6");
  expect(() => read("model.onnx.data", -1, 2)).toThrow("which has 6");
});
