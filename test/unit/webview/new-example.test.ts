import { describe, expect, it } from "vitest";
import type { ExampleForm, Preview } from "../../../src/protocol/examples.ts";
import type { QueryCard, Reading } from "../../../src/protocol/runs.ts";
import { draftOf, kindOf } from "../../../webview/new-example-model.ts";

const text: ExampleForm = {
  texts: ["text"],
  image: false,
  mask: false,
  columns: ["text"],
  target: ["label"],
};
const table: ExampleForm = {
  texts: [],
  image: false,
  mask: false,
  columns: ["a", "b"],
  target: ["y"],
};

function query(preview: Preview, reading: Reading = "probabilities"): QueryCard {
  return {
    dataset: "test",
    index: 0,
    place: { file: "test.csv", line: 1, lineCount: 1 },
    preview,
    target: "1",
    reading,
    prediction: [],
    positions: undefined,
    outputs: undefined,
    explained: undefined,
    losses: [],
  };
}

describe("how examples are given", () => {
  it.each<[ExampleForm, string]>([
    [text, "text"],
    [table, "row"],
    [{ ...text, columns: ["text", "length"] }, "row"],
    [{ ...text, image: true }, "row"],
    [{ texts: [], image: true, mask: false, columns: [], target: ["label"] }, "image"],
  ])("%j: %s", (form, kind) => {
    expect(kindOf(form)).toBe(kind);
  });
});

describe("the draft of another example", () => {
  const entries: (readonly [string, string])[] = [
    ["a", "1.50"],
    ["b", "007"],
    ["y", "3"],
    ["unread", "x"],
  ];

  it("is the text, unless it is shown cut", () => {
    expect(draftOf(query({ kind: "text", text: "hello" }), text)).toBe("hello");
    const cut = `${"x".repeat(4000)}…`;
    expect(draftOf(query({ kind: "text", text: cut }), text)).toBe("");
  });

  it("is the row of what the features read, numbers as they stand, and the target where the loss needs it", () => {
    expect(JSON.parse(draftOf(query({ kind: "fields", entries }), table))).toEqual({
      a: 1.5,
      b: "007",
    });
    expect(draftOf(query({ kind: "fields", entries }), table)).toContain("1.50");
    expect(JSON.parse(draftOf(query({ kind: "fields", entries }, "values"), table))).toEqual({
      a: 1.5,
      b: "007",
      y: 3,
    });
  });

  it("leaves out what is cut or no JSON", () => {
    const odd: (readonly [string, string])[] = [
      ["a", "[1, 2"],
      ["b", "long…"],
    ];
    expect(JSON.parse(draftOf(query({ kind: "fields", entries: odd }), table))).toEqual({
      a: "[1, 2",
    });
  });
});
