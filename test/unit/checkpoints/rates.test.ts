import { describe, expect, it } from "vitest";
import type { Checkpoint, FoundLearningRate } from "../../../src/core/checkpoints/checkpoint.ts";
import { resolveLearningRates } from "../../../src/core/checkpoints/rates.ts";

function checkpoint(index: number, rates: readonly number[], step?: number): Checkpoint {
  return {
    file: `epoch-${index}.pt`,
    format: "pytorch",
    tensors: new Map(),
    learningRates: rates.map(
      (value, group): FoundLearningRate => ({
        value,
        source: `optimizer.param_groups[${group}].lr`,
      }),
    ),
    ...(step === undefined ? {} : { step }),
    read: () => Promise.reject(new Error("not read here")),
    close: async () => {},
  };
}

const files = "*.pt";

describe("learning rates", () => {
  it("are found in the files unless configured", () => {
    const rates = resolveLearningRates({ files }, [checkpoint(1, [0.1]), checkpoint(2, [0.1])]);
    expect(rates).toEqual(
      Array(2).fill({
        learningRate: 0.1,
        learningRateSource: "optimizer.param_groups[0].lr",
        weight: 0.1,
        warnings: [],
      }),
    );
  });

  it("a change is flagged and the previous rate offered; the value found is used", () => {
    const [, second] = resolveLearningRates({ files, learningRate: "from-file" }, [
      checkpoint(1, [0.1]),
      checkpoint(2, [0.05]),
    ]);
    expect(second?.learningRate).toBe(0.05);
    expect(second?.warnings).toEqual([
      expect.stringMatching(/changed from 0\.1 to 0\.05.*epoch-1\.pt: 0\.1/),
    ]);
  });

  it("a first rate that is not the one from which the optimizer started is flagged, with that one", () => {
    const stepped = (index: number, value: number): Checkpoint => ({
      ...checkpoint(index, []),
      learningRates: [{ value, source: "optimizer.param_groups[0].lr", initial: 0.1 }],
    });
    const [first] = resolveLearningRates({ files }, [stepped(1, 0.05), stepped(2, 0.025)]);
    expect(first).toMatchObject({ learningRate: 0.05, previousRate: 0.1 });
    expect(first?.warnings).toEqual([
      expect.stringMatching(/changed from 0\.1 to 0\.05.*that of the start: 0\.1/),
    ]);
    const [same] = resolveLearningRates({ files }, [stepped(1, 0.1), stepped(2, 0.05)]);
    expect(same?.warnings).toEqual([]);
  });

  it("a 0 is flagged", () => {
    const [, second] = resolveLearningRates({ files }, [checkpoint(1, [0.1]), checkpoint(2, [0])]);
    expect(second).toMatchObject({ learningRate: 0, weight: 0 });
    expect(second?.warnings).toEqual([expect.stringMatching(/is 0.*epoch-1\.pt: 0\.1/)]);
  });

  it("nothing but zeros is an error", () => {
    expect(() => resolveLearningRates({ files }, [checkpoint(1, [0])])).toThrow(/every score/);
  });

  it("equal groups are one rate, of different ones the largest leads", () => {
    const [equal] = resolveLearningRates({ files }, [checkpoint(1, [0.1, 0.1])]);
    expect([equal?.learningRate, equal?.groupRates]).toEqual([0.1, undefined]);
    const [different] = resolveLearningRates({ files }, [checkpoint(1, [0.01, 0.1])]);
    expect(different).toMatchObject({
      learningRate: 0.1,
      groupRates: [0.01, 0.1],
      weight: 0.1,
      learningRateSource: expect.stringMatching(/param_groups\[1\]\.lr, the largest of 2/),
    });
    const [configured] = resolveLearningRates({ files, learningRate: 0.3 }, [
      checkpoint(1, [0.01, 0.1]),
    ]);
    expect(configured?.groupRates).toBeUndefined();
  });

  it("no rate in the file is an error with a remedy", () => {
    expect(() => resolveLearningRates({ files }, [checkpoint(1, [])])).toThrow(
      expect.objectContaining({ kind: "config", remedy: expect.stringMatching(/learningRate/) }),
    );
  });

  it("a number serves all and silences what the files say", () => {
    const rates = resolveLearningRates({ files, learningRate: 0.2 }, [
      checkpoint(1, [0.1]),
      checkpoint(2, []),
    ]);
    expect(rates.map(({ learningRate }) => learningRate)).toEqual([0.2, 0.2]);
    expect(rates[0]?.learningRateSource).toMatch(/tracin\.json/);
    expect(rates.flatMap(({ warnings }) => warnings)).toEqual([]);
  });

  it("a list has one rate per checkpoint", () => {
    const two = [checkpoint(1, []), checkpoint(2, [])];
    const rates = resolveLearningRates({ files, learningRate: [0.2, 0.1] }, two);
    expect(rates.map(({ weight }) => weight)).toEqual([0.2, 0.1]);
    expect(() => resolveLearningRates({ files, learningRate: [0.2] }, two)).toThrow(
      /lists 1 value for 2 checkpoints/,
    );
  });

  it("a list may take some from the files; what the previous file holds is offered, not what is configured for it", () => {
    const three = [0.1, 0.05, 0.025].map((rate, index) => checkpoint(index, [rate]));
    const rates = resolveLearningRates(
      { files, learningRate: ["from-file", 0.1, "from-file"] },
      three,
    );
    expect(rates.map(({ learningRate, previousRate }) => [learningRate, previousRate])).toEqual([
      [0.1, undefined],
      [0.1, undefined],
      [0.025, 0.05],
    ]);
    expect(rates[2]?.warnings).toEqual([expect.stringMatching(/changed from 0\.05 to 0\.025/)]);
  });

  it("visits and batch size make the weight rate * visits / batchSize", () => {
    const two = [checkpoint(1, [0.1]), checkpoint(2, [0.1])];
    const rates = resolveLearningRates({ files, visits: [5, 10], batchSize: 32 }, two);
    expect(rates.map(({ weight }) => weight)).toEqual([(0.1 * 5) / 32, (0.1 * 10) / 32]);
    expect(rates.map(({ learningRate }) => learningRate)).toEqual([0.1, 0.1]);
    expect(resolveLearningRates({ files, batchSize: 32 }, two)[0]?.weight).toBe(0.1);
    expect(() => resolveLearningRates({ files, visits: [1, 2, 3] }, two)).toThrow(
      /"checkpoints.visits" lists 3/,
    );
  });

  it("checkpoints that are out of order are flagged", () => {
    const [, second] = resolveLearningRates({ files }, [
      checkpoint(1, [0.1], 200),
      checkpoint(2, [0.1], 100),
    ]);
    expect(second?.warnings).toEqual([expect.stringMatching(/step 100.*\(200\)/)]);
  });
});
