import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encode as encodePng } from "fast-png";
import { describe, expect, it } from "vitest";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { previewExample } from "../../../src/core/datasets/preview.ts";
import { closing, errorOf, goldens, workspace } from "./workspace.ts";

const image = encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.of(3, 4) });

describe("image manifests", () => {
  const files = {
    "data/m.csv": 'label,path\none,img/a.png\ntwo,"img\\b.png"\none,./img/../img/a.png\n',
    "data/img/a.png": image,
    "data/img/b.png": image,
  };

  it("gives each image its row, and each place its image", async () => {
    const root = await workspace(files);
    const dataset = await closing(
      openDataset("train", { images: "data/m.csv", path: "path" }, root),
    );
    expect(dataset).toMatchObject({
      kind: "images",
      length: 3,
      file: "data/m.csv",
      target: ["label"],
    });
    expect(dataset.locator(1)).toEqual({
      file: "data/m.csv",
      line: 2,
      lineCount: 1,
      start: 25,
      end: 40,
      image: "data/img/b.png",
    });
    expect(dataset.at({ line: 2 })).toBe(1);
    expect(dataset.at({ image: "data/img/b.png" })).toBe(1);
    expect(dataset.at({ image: "data\\img\\a.png" })).toBe(0);
    expect(dataset.at({ image: "data/img/c.png" })).toBeUndefined();
    expect(await dataset.imageBytes?.(1)).toEqual(Buffer.from(image));
    expect(await previewExample(dataset, 0)).toEqual({
      kind: "image",
      bytes: Buffer.from(image),
      mime: "image/png",
    });
  });

  it("reads a JSONL manifest", async () => {
    const root = await workspace({ ...files, "data/m.jsonl": '{"file":"img/a.png","label":3}\n' });
    const dataset = await closing(openDataset("train", { images: "data/m.jsonl" }, root));
    expect(dataset.locator(0)).toMatchObject({ line: 0, image: "data/img/a.png" });
  });

  it.each([
    ["img/missing.png", /"img\/missing\.png" does not exist/],
    ["img", /is no file/],
    ["../../outside.png", /lies outside/],
    ["/etc/hostname", /lies outside/],
    ["", /path is missing/],
    ["link.png", /lies outside/],
    ["away/hostname", /lies outside/],
  ])("refuses the path %j with the manifest's line", async (path, message) => {
    const root = await workspace({
      ...files,
      "data/m.csv": `label,file\none,img/a.png\ntwo,${path}\n`,
    });
    await symlink("/etc/hostname", join(root, "data/link.png"));
    await symlink("/etc", join(root, "data/away"));
    const error = await errorOf(openDataset("train", { images: "data/m.csv" }, root));
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({
      kind: "data",
      place: { file: "data/m.csv", line: 3, column: "file" },
    });
  });

  it("follows a link that stays inside", async () => {
    const root = await workspace({ ...files, "data/m.csv": "label,file\none,link.png\n" });
    await symlink(join(root, "data/img/a.png"), join(root, "data/link.png"));
    const dataset = await closing(openDataset("train", { images: "data/m.csv" }, root));
    expect(dataset.locator(0).image).toBe("data/link.png");
  });

  it("refuses a manifest of another kind", async () => {
    const root = await workspace({ "m.xlsx": "PK" });
    expect((await errorOf(openDataset("train", { images: "m.xlsx" }, root))).message).toMatch(
      /neither a CSV/,
    );
  });
});

describe("a folder for each label", () => {
  it("orders labels by name and files naturally", async () => {
    const root = await workspace({
      "train/b/10.png": image,
      "train/b/2.png": image,
      "train/a/z.jpeg": image,
      "train/a/notes.txt": "no image",
      "train/readme.txt": "no label",
      "train/.cache/x.png": image,
    });
    const dataset = await closing(openDataset("train", { images: "train" }, root));
    expect((await dataset.read(0, 3)).map(({ fields }) => fields)).toEqual([
      { file: "a/z.jpeg", label: "a" },
      { file: "b/2.png", label: "b" },
      { file: "b/10.png", label: "b" },
    ]);
    expect(dataset.locator(2)).toEqual({
      file: "train/b/10.png",
      line: 0,
      lineCount: 0,
      start: 0,
      end: image.length,
      image: "train/b/10.png",
    });
    expect(dataset.at({ image: "train/b/2.png" })).toBe(1);
    expect(dataset.at({ line: 0 })).toBeUndefined();
  });

  it("refuses a folder without images, and links that lead away", async () => {
    const root = await workspace({ "train/a/notes.txt": "no image" });
    expect((await errorOf(openDataset("train", { images: "train" }, root))).message).toMatch(
      /no images/,
    );
    await symlink("/etc/hostname", join(root, "train/a/x.png"));
    expect(await errorOf(openDataset("train", { images: "train" }, root))).toMatchObject({
      place: { file: "train/a/x.png" },
    });
  });
});

describe("paths of datasets", () => {
  it.each([
    ["../outside.csv", /leaves the workspace/],
    ["/etc/hostname", /leaves the workspace/],
    ["link.csv", /leaves the workspace/],
    ["missing.csv", /does not exist/],
    ["folder", /no file/],
    ["a\0.csv", /leaves the workspace/],
  ])("refuses %j", async (csv, message) => {
    const root = await workspace({ "folder/x": "" });
    await symlink("/etc/hostname", join(root, "link.csv"));
    const error = await errorOf(openDataset("train", { csv, target: "y" }, root));
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ kind: "data", place: { file: csv } });
  });
});

describe("previews", () => {
  it("shows text, fields and arrays, limited", async () => {
    const long = "word ".repeat(5000);
    const root = await workspace({
      "text.jsonl": `${JSON.stringify({ body: long, y: "spam" })}\n`,
      "table.csv": `a,b,y\n1,${"x".repeat(500)},z\n`,
    });
    const text = await closing(openDataset("t", { jsonl: "text.jsonl", target: "y" }, root));
    expect(await previewExample(text, 0)).toEqual({
      kind: "text",
      text: `${long.slice(0, 4000)}…`,
    });
    const table = await closing(openDataset("t", { csv: "table.csv", target: "y" }, root));
    expect(await previewExample(table, 0)).toEqual({
      kind: "fields",
      entries: [
        { name: "a", value: "1" },
        { name: "b", value: `${"x".repeat(300)}…` },
        { name: "y", value: "z" },
      ],
    });
    const source = { npy: { x: "big-f4-C.npy", y: "little-i2-F.npy" }, target: "y" };
    const arrays = await closing(openDataset("t", source, join(goldens, "npy")));
    expect(await previewExample(arrays, 1)).toEqual({
      kind: "fields",
      entries: [
        { name: "x", value: "[3, 2]: 9, -1, 4, 4.25, -8, 6" },
        { name: "y", value: "[3, 2]: 9, -1, 4, 4, -8, 6" },
      ],
    });
  });

  it("falls back to fields for an image that is none", async () => {
    const root = await workspace({ "m.csv": "file,label\na.png,x\n", "a.png": "text" });
    const dataset = await closing(openDataset("t", { images: "m.csv" }, root));
    expect(await previewExample(dataset, 0)).toMatchObject({ kind: "fields" });
    await writeFile(join(root, "a.png"), "");
    expect(await errorOf(previewExample(dataset, 0))).toMatchObject({
      kind: "data",
      place: { file: "a.png" },
    });
  });
});
