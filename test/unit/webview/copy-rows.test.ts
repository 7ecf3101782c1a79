import { expect, it } from "vitest";
import type { RankedRow } from "../../../src/protocol/lists.ts";
import { tableText } from "../../../webview/copy-rows.ts";

const row: RankedRow = {
  rank: 3,
  index: 41,
  place: { file: "train.jsonl", line: 41, lineCount: 1 },
  preview: { kind: "text", text: 'two\nlines and a "quote"' },
  target: "ham",
  predicted: "spam",
  score: -0.25,
  parts: [],
  selfInfluence: 2,
  loss: 1.5,
  margin: -0.5,
  combined: 6.5,
  suggested: { label: "spam", value: 0.9 },
};

it("copies suspects with the names of the columns and all numbers", () => {
  expect(tableText([row, { ...row, suggested: undefined, rank: 4 }], "suspects")).toBe(
    [
      "rank\texample\ttarget\tpredicted\tsuggested\tsuggested_probability\tmargin\tcombined\tloss\tself_influence\tplace\timage\ttext",
      '3\t41\tham\tspam\tspam\t0.9\t-0.5\t6.5\t1.5\t2\ttrain.jsonl:42\t\t"two\nlines and a ""quote"""',
      '4\t41\tham\tspam\t\t\t-0.5\t6.5\t1.5\t2\ttrain.jsonl:42\t\t"two\nlines and a ""quote"""',
      "",
    ].join("\n"),
  );
});

it("copies scores of ranked lists, without columns that nothing has", () => {
  const plain: RankedRow = {
    ...row,
    suggested: undefined,
    margin: undefined,
    combined: undefined,
    preview: { kind: "fields", entries: [["a", "1"]] },
  };
  expect(tableText([plain], "opponents")).toBe(
    "rank\texample\ttarget\tpredicted\tscore\tplace\timage\ttext\n3\t41\tham\tspam\t-0.25\ttrain.jsonl:42\t\ta 1\n",
  );
});
