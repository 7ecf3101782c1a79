import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import {
  type RecordFormat,
  relabelRecord,
  replaced,
} from "../../../src/core/datasets/edits/relabel.ts";

const csv = (column: number, delimiter = ","): RecordFormat => ({ kind: "csv", column, delimiter });
const jsonl: RecordFormat = { kind: "jsonl", key: "label" };
const labels = ["cat", "dog", 'a "b", c'];

function edit(record: string, format: RecordFormat, from: string, to: string): string | undefined {
  const replacement = relabelRecord(record, format, { from, to, labels });
  return replacement && replaced(record, replacement);
}

describe("a CSV record", () => {
  it.each<[string, RecordFormat, string, string, string]>([
    ["1,cat,x", csv(1), "cat", "dog", "1,dog,x"],
    ["cat", csv(0), "cat", "dog", "dog"],
    ['"a\r\n,b","cat", x ', csv(1), "cat", "dog", '"a\r\n,b","dog", x '],
    ['"a ""cat"", ",cat', csv(1), "cat", "dog", '"a ""cat"", ",dog'],
    ['"a","","cat"', csv(2), "cat", "dog", '"a","","dog"'],
    ['say "hi", you,cat', csv(2), "cat", "dog", 'say "hi", you,dog'],
    ["a\tcat\t", csv(1, "\t"), "cat", "dog", "a\tdog\t"],
    ["1,cat", csv(1), "cat", 'a "b", c', '1,"a ""b"", c"'],
    ['1,"a ""b"", c"', csv(1), 'a "b", c', "cat", '1,"cat"'],
    ["5;0", csv(1, ";"), "cat", "dog", "5;1"],
    ["🐈,cat,é", csv(1), "cat", "dog", "🐈,dog,é"],
  ])("%j", (record, format, from, to, expected) => {
    expect(edit(record, format, from, to)).toBe(expected);
    // An independent parser reads the new label, and everything else as before.
    const read = (text: string): string[] =>
      (parse(text, {
        relax_quotes: true,
        delimiter: format.kind === "csv" ? format.delimiter : ",",
      })[0] ?? []) as string[];
    const column = format.kind === "csv" ? format.column : 0;
    expect(read(expected)).toEqual(
      read(record).with(column, from === "cat" && record.endsWith(";0") ? "1" : to),
    );
  });

  it("is refused when it does not hold the old label", () => {
    expect(edit("1,owl", csv(1), "cat", "dog")).toBeUndefined();
    expect(edit("1", csv(1), "cat", "dog")).toBeUndefined();
    expect(edit("1,1", csv(1), "cat", "dog")).toBeUndefined();
  });
});

describe("a JSONL record", () => {
  it.each<[string, string, string, string]>([
    ['{"text": "x", "label": "cat"}', "cat", "dog", '{"text": "x", "label": "dog"}'],
    ['  { "label"\t:  "cat" , "n":1 }  ', "cat", "dog", '  { "label"\t:  "dog" , "n":1 }  '],
    ['{"a":{"label":"cat"},"label":"cat"}', "cat", "dog", '{"a":{"label":"cat"},"label":"dog"}'],
    ['{"label":"cat","label":"cat"}', "cat", "dog", '{"label":"cat","label":"dog"}'],
    [
      '{"a":"\\"label\\":\\\\","label":"cat"}',
      "cat",
      "dog",
      '{"a":"\\"label\\":\\\\","label":"dog"}',
    ],
    [
      '{"a":[1,{"b":"]}"}],"label":"cat","c":[]}',
      "cat",
      "dog",
      '{"a":[1,{"b":"]}"}],"label":"dog","c":[]}',
    ],
    ['{"\\u006cabel":"c\\u0061t"}', "cat", "dog", '{"\\u006cabel":"dog"}'],
    ['{"label":0,"n":-1.5e3}', "cat", "dog", '{"label":1,"n":-1.5e3}'],
    ['{"label":"cat"}', "cat", 'a "b", c', '{"label":"a \\"b\\", c"}'],
    ['{"label":true}', "true", "false", '{"label":false}'],
  ])("%s", (record, from, to, expected) => {
    expect(edit(record, jsonl, from, to)).toBe(expected);
    const { label: _, ...others } = JSON.parse(expected);
    const { label: __, ...before } = JSON.parse(record);
    expect(others).toEqual(before);
  });

  it("is refused when it does not hold the old label", () => {
    for (const record of ['{"label":"owl"}', '{"a":{"label":"cat"}}', "{}", '{"label":["cat"]}']) {
      expect(edit(record, jsonl, "cat", "dog")).toBeUndefined();
    }
  });
});
