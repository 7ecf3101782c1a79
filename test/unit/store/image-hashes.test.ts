import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { imageHash } from "../../../src/core/datasets/image-hash.ts";
import { imageHashes } from "../../../src/core/store/image-hashes.ts";

const run = { id: "20260101T000000-a", created: "2026-01-01T00:00:00.000Z" };
const before = new Date("2025-12-31T00:00:00Z");
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tracin-images-"));
  await mkdir(join(root, ".tracin", "runs", run.id), { recursive: true });
  await writeFile(join(root, "a.png"), "one");
  await utimes(join(root, "a.png"), before, before);
  await writeFile(join(root, "new.png"), "written after the run");
});
afterEach(() => rm(root, { recursive: true, force: true }));

it("are those of the run, also after the image is another one", async () => {
  const known = imageHash(Buffer.from("one"));
  const images = ["a.png", "new.png", "missing.png", "../outside.png"];
  expect([...(await imageHashes(root, run, images))]).toEqual([["a.png", known]]);
  await writeFile(join(root, "a.png"), "two");
  expect([...(await imageHashes(root, run, images))]).toEqual([["a.png", known]]);
});

it("are taken again where their file is damaged, unless the image was written since", async () => {
  const file = join(root, ".tracin", "runs", run.id, "images.json");
  await writeFile(file, '{"a.png": 3');
  expect((await imageHashes(root, run, ["a.png"])).size).toBe(1);
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual({
    "a.png": imageHash(Buffer.from("one")),
  });
  await writeFile(file, '{"a.png": "no hash"}');
  await utimes(join(root, "a.png"), new Date(), new Date());
  expect((await imageHashes(root, run, ["a.png"])).size).toBe(0);
});

it("are written whole where several ask at the same time", async () => {
  const folder = join(root, ".tracin", "runs", run.id);
  const names = Array.from({ length: 8 }, (_, index) => `${"long".repeat(index * 5)}${index}.png`);
  for (const image of names) {
    await writeFile(join(root, image), image);
    await utimes(join(root, image), before, before);
  }
  await Promise.all(names.map((image) => imageHashes(root, run, [image])));
  expect(await readdir(folder)).toEqual(["images.json"]);
  const [[image, hash] = []] = Object.entries(
    JSON.parse(await readFile(join(folder, "images.json"), "utf8")),
  );
  expect(hash).toBe(imageHash(Buffer.from(image ?? "")));
});

it("are not written through links that leave the workspace", async () => {
  const outside = await mkdtemp(join(tmpdir(), "tracin-outside-"));
  try {
    const kept = join(outside, "kept");
    await writeFile(kept, "kept");
    const folder = join(root, ".tracin", "runs", run.id);
    await symlink(kept, join(folder, "images.json.partial"));
    expect((await imageHashes(root, run, ["a.png"])).size).toBe(1);
    expect(await readFile(kept, "utf8")).toBe("kept");
    await rm(folder, { recursive: true });
    await symlink(outside, folder);
    await expect(imageHashes(root, run, ["a.png"])).rejects.toThrow("leaves the workspace");
    expect(await readdir(outside)).toEqual(["kept"]);
  } finally {
    await rm(outside, { recursive: true });
  }
});
