import { describe, expect, it } from "vitest";
import { differencesOf } from "../../../webview/differences.ts";

const query: (readonly [string, string])[] = [
  ["length", "5.0"],
  ["width", "2"],
  ["colour", "red"],
];
const scales = { length: 0.5, width: 2 };

describe("the fields of a row beside the query's", () => {
  it("come in the order of how much they differ, in standard deviations", () => {
    const row: (readonly [string, string])[] = [
      ["length", "5.25"],
      ["width", "8"],
      ["colour", "blue"],
      ["note", "new"],
    ];
    expect(differencesOf(row, { query, scales })).toEqual([
      { name: "width", value: "8", units: 3, differs: true },
      { name: "colour", value: "blue", units: undefined, differs: true },
      { name: "length", value: "5.25", units: 0.5, differs: true },
      { name: "note", value: "new", units: undefined, differs: false },
    ]);
  });

  it("keep their order where nothing differs; the same number may be written differently", () => {
    const row: (readonly [string, string])[] = [
      ["length", "5"],
      ["width", "2"],
      ["colour", "red"],
    ];
    const fields = differencesOf(row, { query, scales });
    expect(fields.map(({ name }) => name)).toEqual(["length", "width", "colour"]);
    expect(fields.every(({ differs }) => !differs)).toBe(true);
  });

  it("are texts where a column has no deviation", () => {
    const [field] = differencesOf([["constructor", "1"]], {
      query: [["constructor", "2"]],
      scales: {},
    });
    expect(field).toEqual({ name: "constructor", value: "1", units: undefined, differs: true });
  });
});
