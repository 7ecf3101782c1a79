import { createHash } from "node:crypto";
import { mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { hashFiles } from "../../../src/core/store/hash-files.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tracin-hashes-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(name: string, bytes: Uint8Array) {
  const path = join(root, name);
  await writeFile(path, bytes);
  const { size, mtimeMs } = await stat(path);
  return { path, size, modified: Math.floor(mtimeMs) };
}

it("hashes files of every size, more than are read at a time", async () => {
  const sizes = [0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 3_000_000];
  const contents = Array.from({ length: 20 }, (_, index) =>
    new Uint8Array(sizes[index % sizes.length] ?? 0).fill(index),
  );
  const files = await Promise.all(contents.map((bytes, index) => write(`${index}`, bytes)));
  expect(await hashFiles(files)).toEqual(
    contents.map((bytes) => createHash("sha256").update(bytes).digest("hex")),
  );
});

it("leaves out what is missing, of another size or time, or has no end", async () => {
  const file = await write("a.png", new Uint8Array(3));
  const endless = join(root, "endless.png");
  await symlink("/dev/zero", endless);
  const files = [
    { ...file, path: join(root, "missing.png") },
    { ...file, size: 2 },
    { ...file, modified: file.modified - 1 },
    { path: endless, size: 0, modified: 0 },
    file,
  ];
  expect((await hashFiles(files)).map((hash) => hash?.length)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    64,
  ]);
});
