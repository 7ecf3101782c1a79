import { expect, it, vi } from "vitest";
import { counted } from "../../src/core/counted.ts";
import { strings } from "../../webview/strings.ts";
import { createStub } from "./extension/vscode.ts";

vi.mock("vscode", () => createStub().api);
const { counted: inHost } = await import("../../src/project/counted.ts");

it("one thing is counted in the singular, none and several in the plural", () => {
  expect([0, 1, 2, 2000].map((count) => counted(count, "example"))).toEqual([
    "0 examples",
    "1 example",
    "2 examples",
    "2,000 examples",
  ]);
  expect([1, 2].map((count) => counted(count, "process", "processes"))).toEqual([
    "1 process",
    "2 processes",
  ]);
});

it("the editor's and the panel's texts of one thing are in the singular", () => {
  const texts = [
    ...Object.values(inHost).map((text) => text(1)),
    strings.run.checkpoints(1),
    strings.run.examples(1),
    strings.card.outputCount(1),
    strings.card.moreLabels(1),
    strings.testSet.examples(1),
    strings.review.decidedRows(1, "kept"),
    strings.early.firstOf(1),
  ];
  for (const text of texts) {
    expect(text).toMatch(/\b1 (more |training )?[a-z]+[^s](\b|:|,)/);
  }
  expect(Object.values(inHost).map((text) => text(3))).toEqual([
    "3 examples",
    "3 training examples",
    "3 checkpoints",
    "3 parameters",
    "3 rows",
  ]);
});
