import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { encode } from "fast-png";
import { afterAll, describe, expect, it } from "vitest";
import { detectWorkspace } from "../../../src/core/config/detect.ts";

const scratch = mkdtempSync(join(tmpdir(), "tracin-positions-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const goldens = join(import.meta.dirname, "../golden/tracin");

/** A workspace with the model and checkpoints of a golden and other data. */
async function workspace(
  name: string,
  golden: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string> {
  const root = join(scratch, name);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), content);
  }
  mkdirSync(join(root, "run"), { recursive: true });
  const json = JSON.parse(await readFile(join(goldens, golden, "golden.json"), "utf8"));
  await cp(join(goldens, golden, json.model), join(root, "model.onnx"));
  for (const file of json.checkpoints) {
    await cp(join(goldens, golden, file), join(root, "run", file));
  }
  return root;
}

const answers = { learningRate: "0.1", pixels: "unit" };
const rows = (make: (index: number) => object) =>
  Array.from({ length: 12 }, (_, index) => `${JSON.stringify(make(index))}\n`).join("");
const ids = (index: number) => Array.from({ length: 7 }, (_, at) => (index + at) % 9);
const grey = (data: Uint8Array) => encode({ width: 6, height: 6, channels: 1, data });
const pixels = (...values: number[]) =>
  grey(Uint8Array.from({ length: 36 }, (_, index) => values[index % values.length] ?? 0));

describe("set-up finds targets with a label at each position", () => {
  it("a list of tags beside the tokens, with their names in the order that fits the model", async () => {
    const words = ["O", "PER", "LOC", "ORG", "MISC"];
    const root = await workspace("tags", "loss-tokens", {
      "train.jsonl": rows((index) => ({
        ner_tags: ids(index).map((id) => words[id % 5]),
        input_ids: ids(index),
      })),
      "test.jsonl": rows((index) => ({
        ner_tags: ids(index).map(() => "O"),
        input_ids: ids(index),
      })),
    });
    const { proposal, questions } = await detectWorkspace(root, {
      ...answers,
      labels: "O, PER, LOC, ORG, MISC",
    });
    expect(questions.map(({ id }) => id)).toEqual([]);
    expect(proposal).toMatchObject({
      loss: "softmax-cross-entropy",
      data: {
        train: { jsonl: "train.jsonl", target: { perToken: "ner_tags" } },
        test: { jsonl: "test.jsonl", target: { perToken: "ner_tags" } },
      },
      features: { ids: { tokens: { column: "input_ids", length: 7 } } },
    });
    expect(proposal.labels?.toSorted()).toEqual(words.toSorted());
  });

  it("the next token, where the data hold tokens alone", async () => {
    const root = await workspace("decoder", "loss-next-token", {
      "train.jsonl": rows((index) => ({ text: ids(index) })),
    });
    const { proposal, questions, notes } = await detectWorkspace(root, answers);
    expect(questions).toEqual([]);
    expect(proposal).toMatchObject({
      loss: "softmax-cross-entropy",
      data: { train: { jsonl: "train.jsonl", target: { tokensOf: "input_ids" } } },
      features: { input_ids: { tokens: { column: "text", length: 7 } } },
    });
    expect(notes.join(" ")).toMatch(/the target is the next token/);
  });

  it("masks in a folder beside the images, with pixels that do not count", async () => {
    const images = Array.from({ length: 4 }, (_, index) => [
      [`train/images/${index}.png`, pixels(index, 200, 30)] as const,
      [`train/masks/${index}.png`, pixels(0, 1, 2, 255)] as const,
      [`val/images/${index}.png`, pixels(9, index)] as const,
      [`val/masks/${index}.png`, pixels(1)] as const,
    ]).flat();
    const root = await workspace("masks", "loss-pixels", Object.fromEntries(images));
    const { proposal, questions, notes } = await detectWorkspace(root, answers);
    expect(questions).toEqual([]);
    expect(proposal).toMatchObject({
      loss: { type: "softmax-cross-entropy", ignoreIndex: 255 },
      data: {
        train: { images: "train/images", target: { masks: "train/masks" } },
        test: { images: "val/images", target: { masks: "val/masks" } },
      },
      features: { image: { image: { size: [6, 6], channels: 1, scale: "1/255" } } },
    });
    expect(notes.join(" ")).toMatch(/255 do not count/);
  });

  it("a column of masks in a manifest, on and off", async () => {
    const names = Array.from({ length: 4 }, (_, index) => `${index}.png`);
    const root = await workspace("manifest", "loss-mask", {
      "train.csv": `image,mask\n${names.map((name) => `img/${name},m/${name}\n`).join("")}`,
      ...Object.fromEntries(names.map((name) => [`img/${name}`, pixels(3, 90, 160)])),
      ...Object.fromEntries(names.map((name) => [`m/${name}`, pixels(0, 255)])),
    });
    const { proposal, questions } = await detectWorkspace(root, answers);
    expect(questions).toEqual([]);
    expect(proposal).toMatchObject({
      loss: "sigmoid-cross-entropy",
      data: { train: { images: "train.csv", path: "image", target: { mask: "mask" } } },
    });
  });
});
