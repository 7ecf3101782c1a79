import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Checkpoint, SchedulerState } from "../../../src/core/checkpoints/checkpoint.ts";
import { findCheckpoints } from "../../../src/core/checkpoints/discover.ts";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { resolveLearningRates } from "../../../src/core/checkpoints/rates.ts";

const golden = join(import.meta.dirname, "../golden");

/** For each golden the rates of all groups at each update, as the optimizer really used them. */
type Expected = Readonly<Record<string, { readonly steps?: number[][] }>>;
const expected = Object.fromEntries(
  ["trainers", "schedulers"].map((set): [string, Expected] => [
    set,
    JSON.parse(readFileSync(join(golden, set, "expected.json"), "utf8")),
  ]),
);

async function series(pattern: string, set = "trainers"): Promise<Checkpoint[]> {
  const checkpoints: Checkpoint[] = [];
  for (const file of await findCheckpoints(join(golden, set), pattern)) {
    const checkpoint = await openCheckpoint(join(golden, set, file), file);
    await checkpoint.close();
    checkpoints.push(checkpoint);
  }
  return checkpoints;
}

/** Mean of the rates of each group over the updates since the previous checkpoint. */
function used(checkpoints: readonly Checkpoint[], set = "trainers"): number[][] {
  let start = 0;
  return checkpoints.map(({ file }) => {
    const steps = expected[set]?.[file]?.steps?.slice(start) ?? [];
    start += steps.length;
    return (steps[0] ?? []).map(
      (_, group) => steps.reduce((sum, rates) => sum + (rates[group] ?? 0), 0) / steps.length,
    );
  });
}

describe("mean rates of the updates since the previous checkpoint, as recorded from the optimizer", () => {
  it.each([
    ["hf-linear/*", /^scheduler\.pt: scheduler: rate at steps 0 to 5, averaged$/],
    ["hf-cosine/*", /^scheduler\.pt: scheduler: rate at steps 0 to 5/],
    ["hf-logged/*", /mean of the 12 rates logged in steps 1 to 12/],
    ["accelerate", /^scheduler\.bin: scheduler: rate at steps 0 to 4/],
    ["lightning-epoch/*.ckpt", /^lr_schedulers\[0\]: rate at step 0, the largest of 2 parameter/],
    ["lightning-step/*.ckpt", /^lr_schedulers\[0\]: rate at steps 0 to 3, averaged, the largest/],
  ])("%s", async (pattern, source) => {
    const checkpoints = await series(pattern);
    const rates = resolveLearningRates({ files: pattern, visits: 1 }, checkpoints);
    expect(rates[0]?.learningRateSource).toMatch(source);
    for (const [index, means] of used(checkpoints).entries()) {
      const { learningRate, groupRates, warnings } = rates[index] ?? {};
      expect(warnings).toEqual([]);
      expect(learningRate).toBeCloseTo(Math.max(...means), 9);
      for (const [group, mean] of means.entries()) {
        expect(groupRates?.[group] ?? learningRate).toBeCloseTo(mean, 9);
      }
    }
  });

  it("logs alone: their mean, within what the gaps between them leave open", async () => {
    const checkpoints = (await series("hf-linear/*")).map(({ schedulers: _, ...rest }) => rest);
    const rates = resolveLearningRates({ files: "hf-linear/*" }, checkpoints);
    for (const [index, means] of used(checkpoints).entries()) {
      const { learningRate = 0, learningRateSource } = rates[index] ?? {};
      expect(learningRateSource).toMatch(/mean of the 3 rates logged/);
      expect(Math.abs(learningRate / (means[0] ?? 0) - 1)).toBeLessThan(0.15);
    }
  });
});

describe("the schedulers of PyTorch", () => {
  const known = [
    "one-cycle",
    "one-cycle-before",
    "one-cycle-linear",
    "one-cycle-three-phases",
    "cyclic",
    "cyclic-halved",
    "cyclic-exponential",
    "step",
    "milestones",
    "exponential",
    "linear",
    "constant",
    "polynomial",
    "cosine",
    "restarts",
    "sequential",
    "chained",
  ];
  const resolved = async (name: string) => {
    const checkpoints = await series(`${name}/*.pt`, "schedulers");
    return { checkpoints, rates: resolveLearningRates({ files: name, visits: 1 }, checkpoints) };
  };

  it.each(known)("%s: the state tells the mean rates of each interval", async (name) => {
    const { checkpoints, rates } = await resolved(name);
    expect(checkpoints).toHaveLength(3);
    for (const [index, means] of used(checkpoints, "schedulers").entries()) {
      const { learningRate, groupRates, learningRateSource, warnings } = rates[index] ?? {};
      expect(warnings).toEqual([]);
      expect(learningRateSource).toMatch(/^scheduler: rate at steps/);
      for (const [group, mean] of means.entries()) {
        expect(groupRates?.[group] ?? learningRate).toBeCloseTo(mean, 9);
      }
    }
  });

  it("own-function: the rate in force is used, and flagged", async () => {
    const { checkpoints, rates } = await resolved("own-function");
    for (const [index, { learningRate, previousRate, warnings }] of rates.entries()) {
      const stored = checkpoints[index]?.learningRates.map(({ value }) => value) ?? [];
      expect(learningRate).toBe(Math.max(...stored));
      expect(previousRate).toBeGreaterThan(learningRate);
      expect(warnings).toEqual([expect.stringMatching(/The learning rate changed from/)]);
    }
  });

  it("OneCycleLR without the optimizer's groups is not computed", async () => {
    const whole = await series("one-cycle/*.pt", "schedulers");
    const checkpoints = whole.map((one) => ({
      ...one,
      learningRates: one.learningRates.map(({ value, source }) => ({ value, source })),
    }));
    const rates = resolveLearningRates({ files: "*", visits: 1 }, checkpoints);
    expect(rates[2]?.warnings).toEqual([expect.stringMatching(/changed from/)]);
  });

  it("ReduceLROnPlateau at the first checkpoint: the rate before its last step is offered", async () => {
    const [first, second, third] = (await resolved("plateau")).rates;
    expect(first).toMatchObject({ learningRate: 0.15, previousRate: 0.3 });
    expect(first?.warnings).toEqual([
      expect.stringMatching(/^ReduceLROnPlateau may have lowered the rate .* was 0\.3, not 0\.15/),
    ]);
    expect(second?.warnings).toEqual([]);
    expect(third).toMatchObject({ learningRate: 0.075, previousRate: 0.15 });
    const { rates: cooled } = await resolved("plateau-cooldown");
    expect(cooled[0]).toMatchObject({ learningRate: 0.15, previousRate: 0.3 });
    expect(cooled[0]?.warnings).toEqual([expect.stringMatching(/^ReduceLROnPlateau lowered the/)]);
    const { rates: least } = await resolved("plateau-least");
    expect(least[0]).not.toHaveProperty("previousRate");
    expect(least[0]?.warnings).toEqual([
      expect.stringMatching(/to the least that it sets \(0\.2\)/),
    ]);
  });

  it("ReduceLROnPlateau that cannot have lowered the rate is not flagged", async () => {
    const later = (await series("plateau-cooldown/*.pt", "schedulers")).slice(1);
    expect(later).toHaveLength(2);
    for (const one of later) {
      const [rate] = resolveLearningRates({ files: "*", visits: 1 }, [one]);
      expect(rate?.warnings).toEqual([]);
    }
  });
});

function checkpoint(
  file: string,
  rate: number,
  scheduler: Partial<SchedulerState>,
  more: Partial<Checkpoint>,
): Checkpoint {
  return {
    file,
    format: "pytorch",
    tensors: new Map(),
    learningRates: [{ value: rate, source: "optimizer.param_groups[0].lr" }],
    schedulers: [
      {
        source: "scheduler._last_lr",
        current: [rate],
        base: [0.1],
        settings: new Map(),
        ...scheduler,
      },
    ],
    read: () => Promise.reject(new Error("not read here")),
    close: async () => {},
    ...more,
  };
}

/** StepLR(2, 0.5) from 0.1 after so many steps. */
function stepped(count: number, more: Partial<Checkpoint> = {}): Checkpoint {
  const settings = new Map([
    ["step_size", 2],
    ["gamma", 0.5],
  ]);
  const rate = 0.1 * 0.5 ** Math.floor(count / 2);
  return checkpoint(`epoch-${count}.pt`, rate, { count, settings }, more);
}

function rates(checkpoints: readonly Checkpoint[]) {
  return resolveLearningRates({ files: "*.pt", visits: 1 }, checkpoints).map(
    ({ learningRate, warnings }) => [learningRate, warnings.length] as const,
  );
}

describe("whether the scheduler was stepped before saving", () => {
  it("it was, when updates and steps grow in proportion", () => {
    const three = [1, 2, 3].map((count) => stepped(count, { step: 10 * count }));
    expect(rates(three)).toEqual([
      [0.1, 0],
      [0.1, 0],
      [0.05, 0],
    ]);
  });

  it("it was not, when the steps are one behind", () => {
    const three = [0, 1, 2].map((count) => stepped(count, { step: 10 * (count + 1) }));
    expect(rates(three)).toEqual([
      [0.1, 0],
      [0.1, 0],
      [0.05, 0],
    ]);
  });

  it("epochs counted from 0 tell of steps after, from 1 of steps before", () => {
    const after = [1, 2, 3].map((count) => stepped(count, { epoch: count - 1 }));
    expect(rates(after).map(([rate]) => rate)).toEqual([0.1, 0.1, 0.05]);
    const before = [0, 1, 2].map((count) => stepped(count, { epoch: count + 1 }));
    expect(rates(before).map(([rate]) => rate)).toEqual([0.1, 0.1, 0.05]);
  });

  it("it is not decided from an epoch that may be counted either way: the value found, flagged", () => {
    const open = [1, 2, 3].map((count) => stepped(count, { epoch: count }));
    expect(rates(open)).toEqual([
      [0.1, 0],
      [0.05, 1],
      [0.05, 0],
    ]);
  });

  it.each([
    ["after the last of the epoch's steps", [4, 8, 12], "after"],
    ["before it", [3, 7, 11], "before"],
  ] as const)("stepped for each batch, saved %s", (_, counts, timing) => {
    for (const first of [0, 1]) {
      const three = counts.map((count, index) => stepped(count, { epoch: first + index }));
      const steps = counts.map((count, index) => {
        const [start, end] = timing === "after" ? [count - 4, count] : [count - 3, count + 1];
        return { start: index === 0 ? 0 : start, end };
      });
      expect(rates(three)).toEqual(
        steps.map(({ start, end }) => {
          const used = Array.from({ length: end - start }, (_, step) => start + step);
          const sum = used.reduce((total, step) => total + 0.1 * 0.5 ** Math.floor(step / 2), 0);
          return [expect.closeTo(sum / used.length, 12), 0];
        }),
      );
    }
  });

  it("several epochs between two checkpoints: the mean", () => {
    const two = [2, 6].map((count) => stepped(count, { step: 10 * count }));
    expect(rates(two)).toEqual([
      [0.1, 0],
      [(0.05 + 0.05 + 0.025 + 0.025) / 4, 0],
    ]);
  });

  it("a schedule without a known formula: the previous file's rate for one step, else the value found", () => {
    const unknown = (count: number, rate: number) =>
      checkpoint(`epoch-${count}.pt`, rate, { count }, { step: 10 * count });
    expect(rates([unknown(1, 0.1), unknown(2, 0.03), unknown(3, 0)])).toEqual([
      [0.1, 0],
      [0.1, 0],
      [0.03, 0],
    ]);
    expect(rates([unknown(1, 0.1), unknown(4, 0.03)])).toEqual([
      [0.1, 0],
      [0.03, 1],
    ]);
  });

  it("a formula that does not give the stored rates is not used", () => {
    const settings = new Map([
      ["step_size", 2],
      ["gamma", 0.5],
    ]);
    const odd = [2, 6].map((count) =>
      checkpoint(`epoch-${count}.pt`, 0.07 / count, { count, settings }, { step: 10 * count }),
    );
    expect(rates(odd)).toEqual([
      [0.035, 0],
      [0.07 / 6, 1],
    ]);
  });

  it("a scheduler of another optimizer is not used", () => {
    const two = [1, 2].map((count) => ({
      ...stepped(count, { step: 10 * count }),
      learningRates: [0.3, 0.3].map((value) => ({ value, source: "lr" })),
    }));
    expect(rates(two)).toEqual([
      [0.3, 0],
      [0.3, 0],
    ]);
  });
});
