import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/core/checkpoints/checkpoint.ts";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { resolveLearningRates } from "../../../src/core/checkpoints/rates.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { importModel } from "../../../src/core/models/open.ts";
import { type ExpectedTensor, listOf, numbersOf } from "./expected.ts";

const folder = join(import.meta.dirname, "../golden/keras");

interface Expected {
  readonly tensors: Readonly<Record<string, ExpectedTensor>>;
  readonly rate?: number;
  readonly step?: number;
  /** Why the rate cannot be told. */
  readonly unknown?: string;
  /** Squared gradients by the paths of parameters, in the order of the model. */
  readonly moments?: Readonly<Record<string, readonly number[]>>;
}

const expected: Readonly<Record<string, Expected>> = JSON.parse(
  readFileSync(join(folder, "expected.json"), "utf8"),
);

/** Where the rate of each file is said to be. */
const sources: Readonly<Record<string, string>> = {
  "adam.keras": "optimizer/vars/1 (learning_rate)",
  "adam.h5": "training_config.optimizer_config.config.learning_rate",
  "adam.weights.h5": "optimizer/vars/1 (learning_rate)",
  "schedule.keras": "compile_config.optimizer.config.learning_rate: CosineDecay at update 7",
  "loss-scale.keras": "optimizer/inner_optimizer/vars/1 (learning_rate)",
  "loss-scale.h5": "training_config.optimizer_config.config.inner_optimizer.config.learning_rate",
  "normalised.weights.h5": "optimizer/vars/1 (learning_rate)",
  "after-h5.keras": "optimizer/vars/1 (learning_rate)",
  "keras2.h5":
    "training_config.optimizer_config.config.learning_rate with a decay of 0.01 at update 3",
  "keras2-rmsprop.h5": "training_config.optimizer_config.config.learning_rate",
  "keras2.keras": "compile_config.optimizer.config.learning_rate",
};

describe("checkpoints of Keras", () => {
  it.each(Object.entries(expected))("%s is read to the last bit", async (file, golden) => {
    const checkpoint = await openCheckpoint(join(folder, file), file);
    try {
      const wanted = Object.entries(golden.tensors).flatMap(([path, tensor]) =>
        /^(optimizer|optimizer_weights|metrics)\//.test(path)
          ? []
          : [[path.replace(/^model_weights\//, ""), tensor] as const],
      );
      expect([...checkpoint.tensors.keys()].sort()).toEqual(wanted.map(([name]) => name).sort());
      for (const [name, tensor] of wanted) {
        const read = await checkpoint.read(name);
        expect([name, read.shape, listOf(read.data)]).toEqual([
          name,
          tensor.shape,
          numbersOf(tensor),
        ]);
      }
      expect(checkpoint.step).toBe(golden.step);
      const [rate] = checkpoint.learningRates;
      expect(rate?.source).toBe(sources[file]);
      expect(rate?.value).toEqual(
        golden.rate === undefined ? undefined : expect.closeTo(golden.rate, 7),
      );
    } finally {
      await checkpoint.close();
    }
  });

  it.each(
    Object.entries(expected).flatMap(([file, { moments }]) =>
      moments ? [[file, moments] as const] : [],
    ),
  )("%s gives the squared gradients that Keras keeps", async (file, moments) => {
    const checkpoint = await openCheckpoint(join(folder, file), file);
    try {
      const { optimizer } = checkpoint;
      const parameters = optimizer?.parameters ?? [];
      expect(parameters).toHaveLength(Object.keys(moments).length);
      for (const [index, [path, values]] of Object.entries(moments).entries()) {
        const parameter =
          parameters.find(({ name }) => name?.endsWith(path)) ??
          parameters.filter(({ name }) => name === undefined)[index];
        const read = await optimizer?.read(parameter?.secondMoment?.second ?? "");
        expect([path, listOf(read?.data ?? [])]).toEqual([path, values.map(Math.fround)]);
      }
    } finally {
      await checkpoint.close();
    }
  });

  it.each(["own-schedule.keras", "scale.weights.h5"])(
    "%s: says why it cannot tell the rate",
    async (file) => {
      const checkpoint = await openCheckpoint(join(folder, file), file);
      await checkpoint.close();
      const resolve = () =>
        resolveLearningRates({ files: file, learningRate: "from-file" }, [checkpoint]);
      expect(resolve).toThrow(TracInError);
      expect(resolve).toThrow(expected[file]?.unknown);
    },
  );

  describe("weights without the optimizer's settings", () => {
    const lent = async (model: string, file: string): Promise<Checkpoint> => {
      const { training } = await importModel(join(folder, model), model);
      const checkpoint = await openCheckpoint(join(folder, file), file, training);
      await checkpoint.close();
      return checkpoint;
    };

    it("take them from the model file", async () => {
      const { training } = await importModel(join(folder, "adam.keras"), "adam.keras");
      const checkpoint = await openCheckpoint(
        join(folder, "adam.weights.h5"),
        "adam.weights.h5",
        training,
      );
      try {
        const { optimizer, learningRates } = checkpoint;
        expect(optimizer).toMatchObject({ algorithm: "Adam", settingsFrom: "adam.keras" });
        // A callback changed the rate after the model had been saved: that of the file itself counts.
        expect(learningRates[0]?.value).toBeCloseTo(0.002, 7);
        const moments = Object.values(expected["adam.keras"]?.moments ?? {});
        expect(optimizer?.parameters).toHaveLength(moments.length);
        for (const [index, values] of moments.entries()) {
          const { secondMoment } = optimizer?.parameters[index] ?? {};
          const read = await optimizer?.read(secondMoment?.second ?? "");
          expect(listOf(read?.data ?? [])).toEqual(values.map(Math.fround));
        }
      } finally {
        await checkpoint.close();
      }
    });

    it("tell the rate of a schedule by the number of updates", async () => {
      const { learningRates } = await lent("schedule.keras", "scale.weights.h5");
      // Its first update had the rate from which the schedule starts to warm up.
      expect(learningRates).toEqual([
        {
          value: 0.01,
          source:
            "schedule.keras: compiled.optimizer.config.learning_rate: CosineDecay at update 0",
        },
      ]);
    });

    it("are not lent by a model that was compiled with another optimizer", async () => {
      const { optimizer, optimizerUnknown } = await lent("own-schedule.keras", "adam.weights.h5");
      expect(optimizer).toBeUndefined();
      expect(optimizerUnknown?.reason).toContain("not its settings");
    });
  });
});
