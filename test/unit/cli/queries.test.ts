import { describe, expect, it } from "vitest";
import { arrayRows } from "../../../src/cli/export.ts";
import { parseQueries } from "../../../src/cli/queries.ts";
import { printable, signed, table } from "../../../src/cli/terminal.ts";

describe("parseQueries", () => {
  it.each([
    ["test:0", "test", [[0, 0]]],
    ["test:0-9", "test", [[0, 9]]],
    [
      "my set:3, 5-6",
      "my set",
      [
        [3, 3],
        [5, 6],
      ],
    ],
  ])("%s", (text, dataset, ranges) => {
    expect(parseQueries(text)).toEqual({
      dataset,
      ranges: ranges.map(([first, last]) => ({ first, last })),
    });
  });

  it.each([
    "",
    "test",
    "test:",
    ":1",
    "test:a",
    "test:-1",
    "test:1-",
    "test:2-1",
    "test:1,,2",
    "test:1-99999999999999999999",
  ])("refuses %j", (text) => {
    expect(() => parseQueries(text)).toThrow();
  });
});

describe("what is printed", () => {
  it("keeps control characters of data out of the terminal", () => {
    expect(printable("a\u001B[31mb\r\nc\u009Bd")).toBe("a [31mb c d");
    expect(table({}, ["a"], [["x\u001B[2J"]])).not.toContain("\u001B");
  });

  it("colours cells on a terminal, after their text is made printable", () => {
    const { NO_COLOR, TERM } = process.env;
    Object.assign(process.env, { NO_COLOR: "", TERM: "xterm" });
    try {
      const rows = [[{ text: "+1\u001B[2J", style: "green" as const }]];
      expect(table({ isTTY: true }, ["score"], rows)).toContain("\u001B[32m+1 [2J\u001B[39m");
      expect(table({ isTTY: false }, ["score"], rows)).not.toContain("\u001B");
      process.env["NO_COLOR"] = "1";
      expect(table({ isTTY: true }, ["score"], rows)).not.toContain("\u001B");
    } finally {
      Object.assign(process.env, { NO_COLOR: NO_COLOR ?? "", TERM: TERM ?? "" });
    }
  });

  it.each([
    [0.12345, "+0.123"],
    [-2, "-2.00"],
    [0, "0"],
    [1234.5, "+1.23e+3"],
  ])("writes the score %d as %s", (value, text) => {
    expect(signed(value)).toBe(text);
  });
});

describe("arrayRows", () => {
  // Two checkpoints, examples 3 and 4 of 6, two queries: [C, size, M].
  const parts = Float32Array.of(1, 2, 3, 4, 10, 20, 30, 40);
  const rows = (perCheckpoint: boolean) =>
    [...arrayRows({ start: 3, size: 2 }, parts, 2, 6, perCheckpoint)].map(
      ({ position, values }) => [position, ...values],
    );

  it("sums the checkpoints of each query", () => {
    expect(rows(false)).toEqual([
      [3, 11, 33],
      [9, 22, 44],
    ]);
  });

  it("or keeps them apart on a leading axis", () => {
    expect(rows(true).sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))).toEqual([
      [3, 1, 3],
      [9, 2, 4],
      [15, 10, 30],
      [21, 20, 40],
    ]);
  });
});
