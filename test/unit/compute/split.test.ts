import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { helperStart, splitWork } from "../../../src/compute/split.ts";

const range = { start: 0, end: 10_000 };

describe("splitWork", () => {
  it.each([
    ["one process", 1, 100],
    ["work that is done before a helper has started", 4, 20_000],
    ["work that a helper would hardly shorten", 2, 8000],
  ])("goes on alone: %s", (_, processes, rate) => {
    expect(splitWork(range, { begun: 256, rate }, processes, 256)).toBeUndefined();
  });

  it("gives a helper nearly half of long work", () => {
    const split = splitWork(range, { begun: 256, rate: 100 }, 2, 256);
    expect(split?.shards).toEqual([{ start: split?.limit, end: 10_000 }]);
    expect(split?.limit).toBeGreaterThan(5000);
    expect(split?.limit).toBeLessThan(5500);
  });

  it("starts fewer helpers than allowed for short work", () => {
    // 3 seconds alone: more than two helpers would spend most of their time starting.
    expect(splitWork(range, { begun: 256, rate: 3250 }, 16, 256)?.shards).toHaveLength(2);
  });

  it("covers every example once, in whole chunks here, and is faster than alone", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 1, max: 50_000 }),
        fc.integer({ min: 2, max: 64 }),
        fc.constantFrom(256, 512, 1024),
        fc.integer({ min: 1, max: 8 }),
        (examples, rate, processes, chunk, chunks) => {
          const begun = Math.min(examples, chunks * chunk);
          const split = splitWork({ start: 0, end: examples }, { begun, rate }, processes, chunk);
          if (split === undefined) {
            return;
          }
          const { limit, shards } = split;
          expect(limit).toBeGreaterThanOrEqual(begun);
          expect(limit % chunk).toBe(0);
          expect(shards.length).toBeLessThan(processes);
          let next = limit;
          for (const shard of shards) {
            expect(shard.start).toBe(next);
            expect(shard.end).toBeGreaterThan(shard.start);
            next = shard.end;
          }
          expect(next).toBe(examples);
          const alone = (examples - begun) / rate;
          const longest = Math.max(...shards.map(({ start, end }) => end - start));
          const together = Math.max((limit - begun) / rate, longest / rate + helperStart);
          expect(together).toBeLessThan(alone);
        },
      ),
      { numRuns: 500 },
    );
  });
});
