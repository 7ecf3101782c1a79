import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fieldOf } from "../../../src/core/datasets/field.ts";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { closing, errorOf, workspace } from "./workspace.ts";

async function openJsonl(content: string | Uint8Array, target: string[] = []) {
  const root = await workspace({ "data.jsonl": content });
  return closing(openDataset("train", { jsonl: "data.jsonl", target }, root));
}

describe("JSONL", () => {
  it("skips blank lines but counts them", async () => {
    const dataset = await openJsonl('\ufeff{"a":1}\r\n\r\n  \n{"b":[1,{"c":null}]}\r{"a":"ü"}');
    expect(dataset.columns).toEqual(["a", "b"]);
    expect([0, 1, 2].map((index) => dataset.locator(index))).toEqual([
      { file: "data.jsonl", line: 0, lineCount: 1, start: 3, end: 10 },
      { file: "data.jsonl", line: 3, lineCount: 1, start: 17, end: 37 },
      { file: "data.jsonl", line: 4, lineCount: 1, start: 38, end: 48 },
    ]);
    expect((await dataset.read(0, 3)).map(({ index, fields }) => [index, { ...fields }])).toEqual([
      [0, { a: 1 }],
      [1, { b: [1, { c: null }] }],
      [2, { a: "ü" }],
    ]);
    expect([0, 1, 2, 3, 4, 5].map((line) => dataset.at({ line }))).toEqual([
      0,
      undefined,
      undefined,
      1,
      2,
      undefined,
    ]);
  });

  it("never reaches a prototype", async () => {
    const dataset = await openJsonl('{"__proto__":{"polluted":1},"a":2}\n');
    const [example] = await dataset.read(0, 1);
    if (!example) {
      throw new Error("no example");
    }
    expect(fieldOf(example, "__proto__")).toEqual({ polluted: 1 });
    expect(fieldOf(example, "constructor")).toBeUndefined();
    expect(fieldOf(example, "polluted")).toBeUndefined();
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  it("round-trips any objects with their byte ranges", async () => {
    const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(objects, fc.constantFrom("\n", "\r\n", "\r"), async (values, end) => {
        const lines = values.map((value) => JSON.stringify(value));
        const text = lines.join(end);
        const dataset = await openJsonl(text);
        const examples = await dataset.read(0, values.length);
        expect(examples.map(({ fields }) => JSON.stringify(fields))).toEqual(lines);
        const bytes = Buffer.from(text);
        for (const [index, line] of lines.entries()) {
          const place = dataset.locator(index);
          expect(bytes.toString("utf8", place.start, place.end)).toBe(line);
          expect(place.line).toBe(index);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("holds across the 1 MiB chunks of a larger file", async () => {
    const lines = Array.from({ length: 40_000 }, (_, i) =>
      JSON.stringify({ i, text: "漢🙂é".repeat(i % 9) }),
    );
    const text = lines.join("\r\n");
    const bytes = Buffer.from(text);
    expect(bytes.length).toBeGreaterThan(2 << 20);
    const dataset = await openJsonl(text);
    const examples = await dataset.read(0, dataset.length);
    expect(examples.every(({ fields }, index) => fields["i"] === index)).toBe(true);
    expect(dataset.locator(39_999)).toMatchObject({ line: 39_999, end: bytes.length });
  });

  it.each<[string, string | Uint8Array, number | undefined, RegExp]>([
    ["broken JSON", '{"a":1}\n\n{"a":}\n', 3, /not valid JSON/],
    ["a list", '{"a":1}\n[1]\n', 2, /no object/],
    ["a cut last line", '{"a":1}\r\n{"a":', 2, /not valid JSON/],
    ["NUL bytes", '{"a":1}\n\0\n', 2, /NUL/],
    ["nothing but blank lines", "\n\n \n", undefined, /no examples/],
    ["deep nesting that never ends", "[".repeat(200_000), 1, /not valid JSON/],
  ])("refuses %s", async (_, content, line, message) => {
    const error = await errorOf(openJsonl(content));
    expect(error).toMatchObject({ kind: "data", place: { file: "data.jsonl" } });
    expect(error.place.line).toBe(line);
    expect(error.message).toMatch(message);
  });
});
