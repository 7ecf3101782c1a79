import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { InputSpec } from "../../../src/core/datasets/encoder.ts";
import { fitEncoder } from "../../../src/core/datasets/fit.ts";
import { encoderFromState } from "../../../src/core/datasets/fitted-encoder.ts";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { closing, errorOf, goldens, workspace } from "./workspace.ts";

interface Goldens {
  readonly texts: readonly string[];
  readonly goldens: readonly {
    readonly tokenizer: string;
    readonly length: number;
    readonly ids: readonly (readonly number[])[];
    readonly mask: readonly (readonly number[])[];
  }[];
}
const golden: Goldens = JSON.parse(await readFile(join(goldens, "tokenizers.json"), "utf8"));

async function fitted(tokenizer: string, length: number, pad?: number, texts = golden.texts) {
  const lines = texts.map((text) => JSON.stringify({ text, label: "a" }));
  const root = await workspace({ "d.jsonl": lines.join("\n") });
  await cp(join(goldens, "tokenizers"), root, { recursive: true });
  const train = await closing(openDataset("train", { jsonl: "d.jsonl", target: "label" }, root));
  const inputs: InputSpec[] = [
    { name: "ids", dtype: "int32", shape: [length] },
    { name: "mask", dtype: "int64", shape: [length] },
  ];
  const text = { column: "text", tokenizer, length, ...(pad === undefined ? {} : { pad }) };
  const features = { ids: { text }, mask: { maskOf: "ids" } };
  const options = {
    features,
    loss: { type: "softmax-cross-entropy" },
    inputs,
    train,
    root,
  } as const;
  return { root, train, encoder: await fitEncoder(options) };
}

describe("text like Python's tokenizers", () => {
  it.each(golden.goldens)(
    "$tokenizer, length $length",
    async ({ tokenizer, length, ids, mask }) => {
      const { encoder, train } = await fitted(`${tokenizer}.json`, length);
      const { inputs } = await encoder.encode(train, 0, train.length);
      const given = Array.from(inputs.get("ids")?.data ?? [], Number);
      const rows = ids.map((_, row) => given.slice(row * length, (row + 1) * length));
      expect(rows).toEqual(ids);
      expect(Array.from(inputs.get("mask")?.data ?? [], Number)).toEqual(mask.flat());
    },
  );

  it("pads with another token when told so", async () => {
    const { encoder, train } = await fitted("bpe.json", 8, 7, ["the"]);
    const { inputs } = await encoder.encode(train, 0, 1);
    expect(Array.from(inputs.get("ids")?.data ?? [], Number).slice(-3)).toEqual([7, 7, 7]);
  });

  it("refuses a length without room for the special tokens", async () => {
    const error = await errorOf(fitted("wordpiece.json", 1));
    expect(error).toMatchObject({ kind: "config", place: { file: "wordpiece.json" } });
    expect(error.message).toContain("2 special tokens");
  });

  it("refuses a tokenizer that has changed", async () => {
    const { encoder, root } = await fitted("bpe.json", 8);
    const file = join(root, "bpe.json");
    await writeFile(file, `${await readFile(file, "utf8")}\n`);
    const error = await errorOf(encoderFromState(encoder.state, root));
    expect(error.message).toContain("has changed");
  });

  it.each([
    ["../outside.json", /leaves the workspace/],
    ["missing.json", /does not exist/],
    ["d.jsonl", /cannot be used/],
  ])("refuses the tokenizer %s", async (file, message) => {
    expect((await errorOf(fitted(file, 8))).message).toMatch(message);
  });

  it("asks for the padding token when the tokenizer names none", async () => {
    const { root } = await fitted("bpe.json", 8);
    const tokenizer = JSON.parse(await readFile(join(root, "bpe.json"), "utf8"));
    tokenizer.added_tokens = tokenizer.added_tokens.filter(
      (token: { content: string }) => token.content !== "<pad>",
    );
    await writeFile(join(root, "bpe.json"), JSON.stringify(tokenizer));
    const train = await closing(openDataset("train", { jsonl: "d.jsonl", target: "label" }, root));
    const inputs: InputSpec[] = [{ name: "ids", dtype: "int64", shape: [8] }];
    const features = { ids: { text: { column: "text", tokenizer: "bpe.json", length: 8 } } };
    const error = await errorOf(
      fitEncoder({ features, loss: { type: "softmax-cross-entropy" }, inputs, train, root }),
    );
    expect(error.message).toContain("names no padding token");
  });

  it("refuses an unknown word when the tokenizer has no token for it", async () => {
    const { root } = await fitted("wordlevel.json", 8);
    const tokenizer = JSON.parse(await readFile(join(root, "wordlevel.json"), "utf8"));
    tokenizer.model.unk_token = "gone";
    await writeFile(join(root, "wordlevel.json"), JSON.stringify(tokenizer));
    await writeFile(
      join(root, "d.jsonl"),
      '{"text":"the","label":"a"}\n{"text":"qwerty","label":"a"}',
    );
    const train = await closing(openDataset("train", { jsonl: "d.jsonl", target: "label" }, root));
    const inputs: InputSpec[] = [{ name: "ids", dtype: "int64", shape: [8] }];
    const features = { ids: { text: { column: "text", tokenizer: "wordlevel.json", length: 8 } } };
    const options = {
      features,
      loss: { type: "softmax-cross-entropy" },
      inputs,
      train,
      root,
    } as const;
    const error = await errorOf(fitEncoder(options).then((encoder) => encoder.encode(train, 0, 2)));
    expect(error.message).toMatch(/token that the tokenizer does not know/);
    expect(error.place).toMatchObject({ file: "d.jsonl", line: 2, column: "text" });
  });

  it("names the line of an example without text", async () => {
    const root = await workspace({
      "d.jsonl": '{"text":"a","label":"a"}\n{"label":"a"}\n{"text":5,"label":"a"}',
    });
    await cp(join(goldens, "tokenizers"), root, { recursive: true });
    const train = await closing(openDataset("train", { jsonl: "d.jsonl", target: "label" }, root));
    const inputs: InputSpec[] = [{ name: "ids", dtype: "int64", shape: [8] }];
    const features = { ids: { text: { column: "text", tokenizer: "bpe.json", length: 8 } } };
    const encoder = await fitEncoder({
      features,
      loss: { type: "softmax-cross-entropy" },
      inputs,
      train,
      root,
    });
    expect(await errorOf(encoder.encode(train, 0, 3))).toMatchObject({
      message: "The text is missing.",
      place: { line: 2 },
    });
    expect(await errorOf(encoder.encode(train, 2, 3))).toMatchObject({
      message: "The field is no text.",
      place: { line: 3 },
    });
  });
});
