import { describe, expect, it, vi } from "vitest";
import { parseConfig } from "../../../src/core/config/load.ts";
import { parseRate, type RateScope, rateChanges } from "../../../src/project/learning-rates.ts";

vi.mock("vscode", async () => (await import("./vscode.ts")).createStub().api);

const { changedText } = await import("../../../src/project/edit-config.ts");

/** A configuration with comments; `rate` stands where the learning rate does. */
function config(rate: string): string {
  return `{
  // the model
  "model": "model.onnx",
  "checkpoints": {
    "files": "epoch-*.pt"${rate === "" ? "" : `,\n    "learningRate": ${rate}`}
  },
  "loss": "mse",
  "data": { "train": { "csv": "train.csv", "target": "y" } }, // rows
  "features": { "x": { "columns": ["a"] } }
}
`;
}

function edit(rate: string, current: unknown, scope: RateScope, value: number | "from-file") {
  const text = changedText(config(rate), rateChanges(current, 3, scope, value));
  return { text, rates: parseConfig(text).checkpoints.learningRate };
}

describe("setting a learning rate in tracin.json", () => {
  it.each([
    ["", undefined, { kind: "one", index: 1 }, ["from-file", 0.5, "from-file"]],
    ['"from-file"', "from-file", { kind: "from", index: 1 }, ["from-file", 0.5, 0.5]],
    ["0.1", 0.1, { kind: "one", index: 2 }, [0.1, 0.1, 0.5]],
    ["[0.1, 0.2, 0.3]", [0.1, 0.2, 0.3], { kind: "one", index: 0 }, [0.5, 0.2, 0.3]],
    ["[0.1, 0.2]", [0.1, 0.2], { kind: "one", index: 0 }, [0.5, "from-file", "from-file"]],
    ["[0.1, 0.2, 0.3]", [0.1, 0.2, 0.3], { kind: "all" }, 0.5],
    ["", undefined, { kind: "all" }, 0.5],
  ] as const)("%j: %j, %j", (rate, current, scope, rates) => {
    const edited = edit(rate, current, scope, 0.5);
    expect(edited.rates).toEqual(rates);
    expect(edited.text).toContain("// the model");
    expect(edited.text).toContain("// rows");
  });

  it("comments inside a list stay", () => {
    const list = "[\n      0.1, // warm-up\n      0.2,\n      0.3\n    ]";
    const { text, rates } = edit(list, [0.1, 0.2, 0.3], { kind: "one", index: 1 }, "from-file");
    expect(rates).toEqual([0.1, "from-file", 0.3]);
    expect(text).toContain("// warm-up");
  });
});

describe("a rate as it is typed", () => {
  it.each([
    ["0.01", false, 0.01],
    [" 1e-4 ", false, 1e-4],
    ["0,05", false, 0.05],
    ["from-file", true, "from-file"],
    ["0", false, 0],
    ["0", true, undefined],
    ["-1", false, undefined],
    ["", false, undefined],
    ["fast", false, undefined],
    ["1e999", false, undefined],
  ] as const)("%j (for all: %j) is %j", (text, isForAll, value) => {
    expect(parseRate(text, isForAll)).toBe(value);
  });
});
