import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type * as hashFilesModule from "../../../src/core/store/hash-files.ts";
import { Fingerprints } from "../../../src/core/store/inputs.ts";

/** Images that were read, by name. */
const read: string[] = [];
let whileReading = (): void => undefined;
vi.mock("../../../src/core/store/hash-files.ts", async (original) => {
  const { hashFiles } = await original<typeof hashFilesModule>();
  return {
    hashFiles: (files: readonly hashFilesModule.ListedFile[], signal?: AbortSignal) => {
      read.push(...files.map(({ path }) => basename(path)));
      whileReading();
      return hashFiles(files, signal);
    },
  };
});

let root: string;
beforeEach(async () => {
  read.length = 0;
  whileReading = () => undefined;
  root = await mkdtemp(join(tmpdir(), "tracin-inputs-"));
  await mkdir(join(root, "images"));
  await writeFile(join(root, "data.csv"), "a,b\n1,2\n");
  await writeFile(join(root, "epoch-1.pt"), "weights");
  await writeFile(join(root, "images", "1.png"), "one");
  await writeFile(join(root, "images", "notes.txt"), "not an image");
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function take() {
  const inputs = { files: ["data.csv", "epoch-1.pt"], imageFolders: ["images"] };
  return {
    inputs: await new Fingerprints().take(root, inputs),
    checkpoints: [
      { file: "epoch-1.pt", learningRate: 1, learningRateSource: "", weight: 1, warnings: [] },
    ],
  };
}

it("hashes the content of files", async () => {
  const { inputs } = await take();
  expect(inputs[0]).toMatchObject({
    kind: "file",
    path: "data.csv",
    size: 8,
    sha256: createHash("sha256").update("a,b\n1,2\n").digest("hex"),
  });
  expect(inputs[2]).toMatchObject({ kind: "images", path: "images", count: 1 });
});

it("finds nothing changed when nothing changed, or when only the time of a file did", async () => {
  const record = await take();
  expect(await new Fingerprints().changes(root, record, ["epoch-1.pt"])).toEqual([]);
  await utimes(join(root, "data.csv"), new Date(), new Date(1_700_000_000_000));
  await writeFile(join(root, "images", "notes.txt"), "still not an image");
  expect(await new Fingerprints().changes(root, record, ["epoch-1.pt"])).toEqual([]);
});

it("says what changed, what is gone and what is new", async () => {
  const record = await take();
  await writeFile(join(root, "data.csv"), "a,b\n1,3\n");
  // A change of equal length within the clock's resolution is seen by its time.
  await utimes(join(root, "data.csv"), new Date(), new Date(1_700_000_000_000));
  await rm(join(root, "epoch-1.pt"));
  await writeFile(join(root, "images", "2.jpg"), "two");
  expect(await new Fingerprints().changes(root, record, ["epoch-1.pt", "epoch-2.pt"])).toEqual([
    "data.csv changed",
    "epoch-1.pt was removed",
    "images in images changed",
    "epoch-2.pt is new",
  ]);
  await rm(join(root, "images"), { recursive: true });
  expect(await new Fingerprints().changes(root, record)).toContain("the folder images was removed");
});

it("names the file that cannot be read", async () => {
  await expect(
    new Fingerprints().take(root, { files: ["missing.pt"], imageFolders: [] }),
  ).rejects.toMatchObject({ kind: "store", place: { file: "missing.pt" } });
});

describe("images whose times changed", () => {
  const other = new Date(1_700_000_000_000);
  const image = (name: string) => join(root, "images", name);

  async function takeWithContents() {
    await writeFile(image("2.jpg"), "two");
    const { inputs, checkpoints } = await take();
    return { inputs: await new Fingerprints().withContents(root, inputs), checkpoints };
  }

  it("are the same where they hold the same, and are read once", async () => {
    const record = await takeWithContents();
    expect(read.splice(0)).toEqual(["1.png", "2.jpg"]);
    expect(await new Fingerprints().changes(root, record)).toEqual([]);
    expect(read).toEqual([]);
    await utimes(image("1.png"), other, other);
    const looking = new Fingerprints();
    expect(await looking.changes(root, record)).toEqual([]);
    expect(read.splice(0)).toEqual(["1.png"]);
    expect(await looking.changes(root, record)).toEqual([]);
    expect(await new Fingerprints().changes(root, record)).toEqual([]);
    expect(read).toEqual([]);
  });

  it("are others where one holds something else of the same size", async () => {
    const record = await takeWithContents();
    await writeFile(image("1.png"), "eno");
    await utimes(image("1.png"), other, other);
    expect(await new Fingerprints().changes(root, record)).toEqual(["images in images changed"]);
  });

  it("are others where one was renamed, or came, of which the latter is seen without reading", async () => {
    const record = await takeWithContents();
    await rename(image("1.png"), image("0.png"));
    expect(await new Fingerprints().changes(root, record)).toEqual(["images in images changed"]);
    read.length = 0;
    whileReading = () => undefined;
    await writeFile(image("1.png"), "one");
    expect(await new Fingerprints().changes(root, record)).toEqual(["images in images changed"]);
    expect(read).toEqual([]);
  });

  it("are read anew where what is kept of them is damaged", async () => {
    const record = await takeWithContents();
    const [kept = ""] = await readdir(join(root, ".tracin", "images"));
    await writeFile(join(root, ".tracin", "images", kept), '{"images":[["1.png",3');
    await utimes(image("1.png"), other, other);
    read.length = 0;
    whileReading = () => undefined;
    expect(await new Fingerprints().changes(root, record)).toEqual([]);
    expect(read).toEqual(["1.png", "2.jpg"]);
  });

  it("are compared by time where they changed before they were read", async () => {
    const { inputs, checkpoints } = await take();
    await utimes(image("1.png"), other, other);
    const kept = await new Fingerprints().withContents(root, inputs);
    expect(kept).toEqual(inputs);
    expect(await new Fingerprints().changes(root, { inputs: kept, checkpoints })).toEqual([
      "images in images changed",
    ]);
  });
});

it("stops reading images when it is cancelled, and can be asked again", async () => {
  const { inputs } = await take();
  const fingerprints = new Fingerprints();
  const controller = new AbortController();
  whileReading = () => controller.abort();
  await expect(fingerprints.withContents(root, inputs, controller.signal)).rejects.toMatchObject({
    kind: "cancelled",
  });
  const again = await fingerprints.withContents(root, inputs);
  expect(again[2]).toHaveProperty("contents");
  expect(read).toEqual(["1.png", "1.png"]);
});
