import { cp, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { planIndex } from "../../../src/compute/index-plan.ts";
import type { ProjectCheckpoint } from "../../../src/core/config/project.ts";
import type { Tensor } from "../../../src/core/graph/tensor.ts";
import { numberTypes } from "../../../src/core/index/number-type.ts";
import { mixedRates } from "../../../src/core/index/queries.ts";
import { defaultSettings } from "../../../src/core/index/settings.ts";
import { indexState } from "../../../src/core/index/state.ts";
import { copySample } from "../sample.ts";
import { emptyFolder } from "../support/folder.ts";
import {
  build,
  column,
  exactScores,
  fingerprints,
  indexScores,
  questions,
  withScorer,
  worst,
} from "./support.ts";

const workspace = emptyFolder();

/** Why the index does not answer questions of the project as it is now. */
function reasons(): Promise<readonly string[]> {
  return withScorer(workspace.root, async ({ project, scorer }) => {
    const state = await indexState(project, scorer.parameters, fingerprints());
    return state.kind === "stale" ? state.reasons : [];
  });
}

describe("an index", () => {
  const settings = { ...defaultSettings, size: 64 } as const;

  it("answers for other rates, but not for other layers", async () => {
    await copySample("iris", workspace.root);
    await withScorer(workspace.root, (opened) => build(opened, settings, 32));
    const file = join(workspace.root, "tracin.json");
    const config = JSON.parse(await readFile(file, "utf8")) as {
      checkpoints: Record<string, unknown>;
    };
    config.checkpoints["learningRate"] = 0.5;
    await writeFile(file, JSON.stringify(config));
    await withScorer(workspace.root, async (opened) => {
      const exact = await exactScores(opened, questions(1));
      const found = await indexScores(opened, questions(1));
      expect(worst(column(found.scores, 0), column(exact.scores, 0))).toBeLessThan(2e-5);
      expect(worst(found.self, exact.self)).toBeLessThan(2e-5);
    });
    await writeFile(file, JSON.stringify({ ...config, layers: "last" }));
    expect(await reasons()).toEqual([
      "it was built for all layers, and other parameters count now",
    ]);
  });

  it("does not answer for other data of the same size, or for data that is read otherwise", async () => {
    await copySample("spam", workspace.root);
    await withScorer(workspace.root, (opened) => build(opened, settings, 128));
    const text = await readFile(join(workspace.root, "train.jsonl"), "utf8");
    const reversed = text.trimEnd().split("\n").reverse();
    await writeFile(join(workspace.root, "other.jsonl"), reversed.join("\n"));
    const file = join(workspace.root, "tracin.json");
    const config = await readFile(file, "utf8");
    const changed = "the loss, the features or the settings of the training data changed";
    await writeFile(file, config.replace('"train.jsonl"', '"other.jsonl"'));
    expect(await reasons()).toEqual([changed, "it was built without other.jsonl"]);
    // Another model file, with all that the first one says.
    await cp(join(workspace.root, "model.onnx"), join(workspace.root, "other.onnx"));
    await writeFile(file, config.replace('"model.onnx"', '"other.onnx"'));
    expect(await reasons()).toEqual(["it was built without other.onnx"]);
    // Another column that holds the same labels, on other rows.
    const columns = text
      .trimEnd()
      .split("\n")
      .map((line, index) =>
        JSON.stringify({ ...JSON.parse(line), second: ["ham", "spam"][index % 2] }),
      );
    await writeFile(join(workspace.root, "train.jsonl"), columns.join("\n"));
    await writeFile(file, config);
    const first = await withScorer(workspace.root, (opened) => build(opened, settings, 128));
    expect(first.computed).toBe(0);
    await writeFile(file, config.replace('"target": "label" }', '"target": "second" }'));
    expect(await reasons()).toEqual([changed]);
    const second = await withScorer(workspace.root, (opened) => build(opened, settings, 128));
    expect(second.computed).toBe(second.shards);
    expect(await reasons()).toEqual([]);
  });

  it("neither answers for preconditioned gradients nor is built of them", async () => {
    await copySample("iris", workspace.root);
    await withScorer(workspace.root, async (opened) => {
      await build(opened, settings, 32);
      const readPreconditioner = async () => new Map<string, Tensor>();
      const project = { ...opened.project, readPreconditioner };
      const state = await indexState(project, opened.scorer.parameters, fingerprints());
      expect(state).toMatchObject({
        kind: "stale",
        reasons: ["gradients are preconditioned now, and no index keeps such ones"],
      });
      await expect(build({ ...opened, project }, settings, 32)).rejects.toMatchObject({
        kind: "config",
        message: "There is no index of preconditioned gradients.",
      });
    });
  });

  it("knows parameters whose gradients it has added up and whose rates differ", async () => {
    await copySample("iris", workspace.root);
    await withScorer(workspace.root, async ({ project }) => {
      const [checkpoint] = project.checkpoints;
      const rates = (one: number, other: number) => ({
        ...(checkpoint as ProjectCheckpoint),
        learningRate: 0.5,
        parameterRates: new Map([
          ["weight", one],
          ["tied", other],
        ]),
      });
      const groups = [["bias"], ["weight", "tied"]];
      expect(mixedRates(groups, rates(0.1, 0.1))).toBeUndefined();
      expect(mixedRates(groups, rates(0.1, 0.5))).toEqual(["weight", "tied"]);
      expect(mixedRates([["weight"], ["tied"]], rates(0.1, 0.5))).toBeUndefined();
    });
  });

  it("can be built again as it is, whatever it keeps, and otherwise", async () => {
    await copySample("iris", workspace.root);
    await withScorer(workspace.root, async (opened) => {
      const usual = [
        ...numberTypes.map((numbers) => ({ ...defaultSettings, numbers })),
        { type: "factors" },
      ];
      const plan = async () => {
        const { choices, ...rest } = await planIndex(opened, fingerprints());
        return { ...rest, choices: choices.map((choice) => choice.settings) };
      };
      const none = { state: "none", reasons: [], current: undefined, choices: usual };
      expect(await plan()).toEqual(none);
      await build(opened, settings, 32);
      const own = { state: "valid", reasons: [], current: settings, choices: [settings, ...usual] };
      expect(await plan()).toEqual(own);
      await build(opened, { type: "factors" }, 32);
      expect(await plan()).toEqual({ ...own, current: { type: "factors" }, choices: usual });
    });
  });

  it("takes a file with another time and the same bytes as unchanged", async () => {
    await copySample("iris", workspace.root);
    await withScorer(workspace.root, (opened) => build(opened, settings, 32));
    const train = join(workspace.root, "train.csv");
    const { mtime } = await stat(train);
    await utimes(train, mtime, new Date(mtime.getTime() + 5000));
    await withScorer(workspace.root, async (opened) => {
      const state = await indexState(opened.project, opened.scorer.parameters, fingerprints());
      expect(state.kind).toBe("valid");
    });
  });
});
