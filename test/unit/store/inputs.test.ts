import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Fingerprints } from "../../../src/core/store/inputs.ts";

let root: string;
beforeEach(async () => {
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
