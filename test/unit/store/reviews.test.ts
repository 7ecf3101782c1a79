import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  appendReviews,
  lastAction,
  parseReviews,
  type ReviewLine,
  readReviews,
  reviewsFile,
  standing,
} from "../../../src/core/store/reviews.ts";

const line = (change: Partial<ReviewLine>): ReviewLine => ({
  time: "2026-01-02T03:04:05.000Z",
  action: "a",
  dataset: "train",
  index: 3,
  file: "train.csv",
  line: 5,
  content: "0123456789abcdef",
  decision: "keep",
  from: "cat",
  ...change,
});

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tracin-reviews-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe("the file of decisions", () => {
  it("is empty before the first decision, and is committed although .tracin is not", async () => {
    expect(await readReviews(root)).toEqual({ lines: [], warnings: [] });
    await appendReviews(root, [line({})]);
    await appendReviews(root, [line({ decision: "relabel", to: "dog", index: 4 }), line({})]);
    const { lines, warnings } = await readReviews(root);
    expect(lines.map(({ decision, index }) => [decision, index])).toEqual([
      ["keep", 3],
      ["relabel", 4],
      ["keep", 3],
    ]);
    expect(warnings).toEqual([]);
    const ignored = (await readFile(join(root, ".tracin/.gitignore"), "utf8")).split("\n");
    expect(ignored).toContain("!reviews.jsonl");
  });

  it("starts a new line after one that was cut short, and names the damaged one", async () => {
    await appendReviews(root, [line({})]);
    await appendFile(join(root, reviewsFile), '{"time":"2026-01-');
    await appendReviews(root, [line({ index: 9 })]);
    const { lines, warnings } = await readReviews(root);
    expect(lines.map(({ index }) => index)).toEqual([3, 9]);
    expect(warnings).toEqual([".tracin/reviews.jsonl, line 2: this is no JSON object"]);
  });

  it.each([
    ["<<<<<<< HEAD", /merge conflict/],
    ['{"decision":"keep"}', /time/],
    [JSON.stringify(line({ decision: "relabel" })), /without the new label/],
    [JSON.stringify({ ...line({}), decision: "maybe" }), /decision/],
    [JSON.stringify({ ...line({}), index: -1 }), /index/],
  ])("tolerates the damaged line %s", (text, reason) => {
    const { lines, warnings } = parseReviews(`${text}\n${JSON.stringify(line({}))}\n`);
    expect(lines).toHaveLength(1);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(reason);
  });

  it("counts damaged lines beyond the first five", () => {
    expect(parseReviews("x\n".repeat(8)).warnings.at(-1)).toBe("3 more lines cannot be read");
  });

  it("says that a decision could not be saved", async () => {
    await writeFile(join(root, ".tracin"), "in the way");
    await expect(appendReviews(root, [line({})])).rejects.toThrow(/could not be saved/);
  });
});

describe("what stands of the decisions", () => {
  const keep = line({ action: "a" });
  const relabel = line({ action: "b", decision: "relabel", to: "dog" });
  const other = line({ action: "b", index: 7, decision: "relabel", to: "dog" });
  const undo = (undone: ReviewLine) => line({ ...undone, decision: "undo" });
  const now = (...lines: ReviewLine[]) =>
    [...standing(lines).values()].map(({ index, decision }) => `${index} ${decision}`);

  it.each([
    ["the last decision counts", [keep, relabel], ["3 relabel"]],
    ["undo brings the one before back", [keep, relabel, undo(relabel)], ["3 keep"]],
    ["an earlier one can be undone", [keep, relabel, undo(keep)], ["3 relabel"]],
    ["nothing stands when all are undone", [keep, undo(keep)], []],
    ["an undo without its decision changes nothing", [keep, undo(relabel)], ["3 keep"]],
    ["examples are apart", [keep, other, undo(keep)], ["7 relabel"]],
    ["a decision can be taken again", [keep, undo(keep), line({ action: "c" })], ["3 keep"]],
  ])("%s", (_, lines, expected) => {
    expect(now(...lines)).toEqual(expected);
  });

  it("names the latest action that was not undone, with all its examples", () => {
    const indices = (...lines: ReviewLine[]) => lastAction(lines).map(({ index }) => index);
    expect(indices()).toEqual([]);
    expect(indices(keep, relabel, other)).toEqual([3, 7]);
    expect(indices(keep, relabel, other, undo(relabel), undo(other))).toEqual([3]);
    expect(lastAction([keep, relabel, undo(relabel)]).map(({ decision }) => decision)).toEqual([
      "keep",
    ]);
    expect(indices(keep, undo(keep))).toEqual([]);
  });
});
