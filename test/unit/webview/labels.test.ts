import { describe, expect, it } from "vitest";
import type { QueryCard } from "../../../src/protocol/runs.ts";
import { labelChoices, predictionView } from "../../../webview/labels.ts";

const digits: QueryCard = {
  dataset: "test",
  index: 142,
  place: { file: "test.csv", line: 143, lineCount: 1 },
  preview: { kind: "text", text: "" },
  target: "1",
  reading: "probabilities",
  positions: undefined,
  outputs: undefined,
  prediction: [0.5, 0.2, 0.1, 0.08, 0.06, 0.04, 0.02].map((value, at) => ({
    label: ["7", "2", "3", "4", "5", "6", "1"][at] ?? "",
    value,
  })),
  explained: "1",
  losses: [1, 0.5],
};
const names = ["0", "1", "2", "3", "4", "5", "6", "7"];

describe("labelChoices", () => {
  it("puts target and prediction first and names the others by their class", () => {
    const choices = labelChoices(digits, names);
    expect(choices.map((choice) => [choice.label, choice.explain])).toEqual([
      ["1", "target"],
      ["7", "prediction"],
      ["0", 0],
      ["2", 2],
      ["3", 3],
      ["4", 4],
      ["5", 5],
      ["6", 6],
    ]);
    expect(choices.filter((choice) => choice.selected).map((choice) => choice.label)).toEqual([
      "1",
    ]);
  });

  it("takes classes without names by number", () => {
    const query = {
      ...digits,
      prediction: digits.prediction.slice(0, 3),
      target: "3",
      explained: "3",
    };
    expect(labelChoices(query, undefined).map((choice) => choice.label)).toEqual(["3", "7", "2"]);
    expect(labelChoices(query, undefined)[2]?.explain).toBe(0);
  });

  it("offers the outputs of a regression one by one, and their whole loss", () => {
    const values = [1.5, -2].map((value, at) => ({ label: String(at), value }));
    const query = { ...digits, reading: "values", prediction: values } as const;
    expect(labelChoices(query, undefined)).toEqual([]);
    const choices = labelChoices({ ...query, choosable: true, explained: "1" }, undefined);
    expect(choices.map(({ label, explain, selected }) => [label, explain, selected])).toEqual([
      ["the loss of all outputs", "target", false],
      ["output 0", 0, false],
      ["output 1", 1, true],
    ]);
  });

  it("offers several labels at once as the target", () => {
    const query = { ...digits, target: "1, 4", explained: undefined };
    expect(labelChoices(query, names)[0]).toMatchObject({
      label: "1, 4",
      explain: "target",
      selected: true,
    });
  });

  it("offers nothing for outputs without labels", () => {
    const query = {
      ...digits,
      reading: "values" as const,
      explained: undefined,
      prediction: [{ label: "price", value: 231 }],
    };
    expect(labelChoices(query, undefined)).toEqual([]);
  });
});

describe("labels at positions", () => {
  const query: QueryCard = {
    ...digits,
    target: "O B-PER O",
    reading: "positions",
    prediction: [],
    positions: { count: 3, wrong: 1, loss: 0.4, worst: [], confusions: [] },
    explained: undefined,
  };

  it("are explained all at once: those of the target or those of the prediction", () => {
    const choices = labelChoices(query, names);
    expect(choices.map(({ explain, selected }) => [explain, selected])).toEqual([
      ["target", true],
      ["prediction", false],
    ]);
    const again = labelChoices({ ...query, explained: "the prediction at each position" }, names);
    expect(again.find((choice) => choice.selected)?.explain).toBe("prediction");
  });

  it("have no list of probabilities", () => {
    expect(predictionView(query, false)).toMatchObject({
      predicted: undefined,
      shown: [],
      hidden: 0,
    });
  });
});

describe("predictionView", () => {
  it("shows the highest labels and always the target", () => {
    const view = predictionView(digits, false);
    expect(view.shown.map((entry) => entry.label)).toEqual(["7", "2", "3", "4", "1"]);
    expect(view.hidden).toBe(2);
    expect(view.predicted?.label).toBe("7");
    expect(view.disagrees).toBe(true);
  });

  it("shows all on demand, and one more rather than a button for one", () => {
    expect(predictionView(digits, true)).toMatchObject({ hidden: 0 });
    expect(predictionView(digits, false, 5).shown).toHaveLength(7);
  });

  it("agrees when the target is the most probable label", () => {
    expect(predictionView({ ...digits, target: "7" }, false).disagrees).toBe(false);
  });

  it("compares nothing for outputs and for several labels at once", () => {
    const outputs = {
      ...digits,
      reading: "values" as const,
      explained: undefined,
      prediction: [{ label: "price", value: 231 }],
    };
    expect(predictionView(outputs, false)).toMatchObject({
      probabilities: false,
      predicted: undefined,
      disagrees: undefined,
    });
    expect(predictionView({ ...digits, target: "1, 4" }, false).disagrees).toBeUndefined();
  });
});
