import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Helper, type HelperProject } from "../../../src/compute/helper.ts";
import {
  attachScorer,
  closeScorer,
  type OpenScorer,
  openScorer,
  scoreAll,
} from "../../../src/compute/scoring.ts";
import { computeSettings, memoryPerProcess } from "../../../src/compute/settings.ts";
import { warmUp } from "../../../src/compute/warm-up.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { buildPrograms, type Programs } from "../support/programs.ts";

let programs: Programs;
let opened: OpenScorer;

beforeAll(async () => {
  programs = await buildPrograms();
  opened = await openScorer({
    root: "samples/digits",
    config: "tracin.mlp.json",
    settings: computeSettings({ processes: 2, memoryLimit: 800 }),
  });
});
afterAll(async () => {
  await opened.close();
  await programs.dispose();
});

const selection = [{ dataset: "test", index: 5, explain: "target" as const }];
const job = { selection, aggregate: false, chunk: 256, examples: 2000 };

function helperOf(program: string, changes: Partial<HelperProject> = {}): Helper {
  const memoryLimit = memoryPerProcess(opened.settings);
  const helper = new Helper(join(dirname(programs.compute), program), memoryLimit, "onnxruntime");
  helper.open({
    root: opened.project.root,
    config: opened.config,
    engine: opened.choice.engine.name,
    memoryLimit,
    threads: 1,
    layers: opened.layers,
    encoder: opened.project.encoder.state,
    profile: false,
    ...changes,
  });
  return helper;
}

/** Hands out the chunks of a range and collects what comes back. */
function exchange(start: number, end: number) {
  const received: ScoreChunk[] = [];
  return {
    ...chunksOf({ start, end }, 256),
    received,
    deliver: async (chunk: ScoreChunk) => void received.push(chunk),
    onProgress: () => undefined,
  };
}

/** Scores, self-influence and losses of an example at every checkpoint. */
function read(chunks: readonly ScoreChunk[], example: number): number[] {
  const chunk = chunks.find(({ start, size }) => start <= example && example < start + size);
  expect(chunk?.scoreParts).toBeInstanceOf(Float32Array);
  return opened.project.checkpoints.flatMap((_, checkpoint) => {
    const place = checkpoint * (chunk?.size ?? 0) + example - (chunk?.start ?? 0);
    return [chunk?.scoreParts[place] ?? 0, chunk?.selfParts[place] ?? 0, chunk?.losses[place] ?? 0];
  });
}

const never = () => new AbortController().signal;

describe("a helper process", () => {
  it("computes the same numbers as this one, question after question", async () => {
    const here: ScoreChunk[] = [];
    await scoreAll(opened, {
      selection,
      aggregate: false,
      onChunk: (chunk) => void here.push(chunk),
      signal: never(),
    });
    expect(here.reduce((sum, { size }) => sum + size, 0)).toBe(2000);
    const helper = helperOf("shard.js");
    try {
      for (const [start, end] of [
        [700, 1300],
        [0, 300],
      ] as const) {
        const there = exchange(start, end);
        await helper.score(job, there, never());
        expect(there.received.map(({ size }) => size)).toEqual(
          start === 0 ? [256, 44] : [256, 256, 88],
        );
        for (let example = start; example < end; example++) {
          const [a, b] = [read(here, example), read(there.received, example)];
          for (const [index, value] of a.entries()) {
            // Batches differ in size, so that the engine may add in another order.
            expect(Math.abs(value - (b[index] ?? Number.NaN))).toBeLessThanOrEqual(
              1e-5 * (1 + Math.abs(value)),
            );
          }
        }
      }
    } finally {
      helper.close();
    }
  });

  it("waits until a chunk is taken before it scores much more", async () => {
    const helper = helperOf("shard.js");
    let waiting = 0;
    let most = 0;
    try {
      const slow = {
        ...exchange(0, 2000),
        deliver: async () => {
          waiting++;
          most = Math.max(most, waiting);
          await new Promise((resolve) => setTimeout(resolve, 30));
          waiting--;
        },
      };
      await helper.score(job, slow, never());
    } finally {
      helper.close();
    }
    expect(most).toBe(1);
  });

  it("is named in the error when it dies, with what to do", async () => {
    const dies = join(dirname(programs.compute), "dies.js");
    await writeFile(dies, "process.kill(process.pid, 'SIGKILL');");
    const killed = await helperOf("dies.js")
      .score(job, exchange(0, 10), never())
      .catch((failure: unknown) => failure);
    expect(killed).toBeInstanceOf(TracInError);
    expect(killed).toMatchObject({
      kind: "engine",
      message: expect.stringContaining("SIGKILL"),
      remedy: expect.stringContaining("memory"),
    });
    await writeFile(dies, "process.exit(7);");
    await expect(helperOf("dies.js").score(job, exchange(0, 10), never())).rejects.toThrow(
      /exit code 7/,
    );
  });

  it("passes on the error of its own work", async () => {
    const helper = helperOf("shard.js", { layers: ["none*"] });
    await expect(helper.score(job, exchange(0, 10), never())).rejects.toMatchObject({
      kind: "config",
      message: expect.stringContaining("none*"),
    });
    helper.close();
  });

  it("ends at once when it is cancelled", async () => {
    const controller = new AbortController();
    const program = join(dirname(programs.compute), "hangs.js");
    await writeFile(program, "setInterval(() => undefined, 1000);");
    setTimeout(() => controller.abort(), 200);
    const started = performance.now();
    const helper = helperOf("hangs.js");
    await expect(helper.score(job, exchange(0, 10), controller.signal)).rejects.toMatchObject({
      kind: "cancelled",
    });
    expect(performance.now() - started).toBeLessThan(1200);
    expect(helper.isAlive).toBe(false);
  });
});

describe("scoreAll with helpers", () => {
  const task = () => {
    const chunks: ScoreChunk[] = [];
    return {
      chunks,
      selection,
      aggregate: false,
      onChunk: (chunk: ScoreChunk) => void chunks.push(chunk),
      signal: never(),
    };
  };
  const withHelpers = async (program: string, isServing = false) => {
    const settings = {
      ...computeSettings({ processes: 2, memoryLimit: 800, isServing }),
      shardProgram: join(dirname(programs.compute), program),
    };
    return attachScorer(opened.project, { config: "tracin.mlp.json", settings });
  };

  it("scores every example once, whichever process takes it", async () => {
    const shared = await withHelpers("shard.js");
    try {
      // Enough rounds that a helper has started in one of them.
      let processes = 0;
      for (let round = 0; round < 100 && processes < 2; round++) {
        const { chunks, ...rest } = task();
        shared.helpers.take(1);
        processes = await scoreAll(shared, rest);
        const seen = chunks.flatMap(({ start, size }) =>
          Array.from({ length: size }, (_, index) => start + index),
        );
        expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 2000 }, (_, i) => i));
      }
    } finally {
      await closeScorer(shared);
    }
  });

  it.each([
    ["serves question after question", true, 1],
    ["answers one", false, 0],
  ])("has a helper ready after a question that took a while where it %s", async (...row) => {
    const [, isServing, count] = row;
    const shared = await withHelpers("shard.js", isServing);
    try {
      // So few that their pace asks for no helper.
      const rows = Array.from({ length: 16 }, (_, index) => index);
      const onChunk = () => new Promise<void>((resolve) => setTimeout(resolve, 80));
      expect(shared.helpers.count).toBe(0);
      await scoreAll(shared, { ...task(), rows, onChunk });
      expect(shared.helpers.count).toBe(count);
      // What it scored to get ready is nobody's.
      const { chunks, ...rest } = task();
      await scoreAll(shared, rest);
      expect(chunks.reduce((sum, { size }) => sum + size, 0)).toBe(2000);
    } finally {
      await closeScorer(shared);
    }
  });

  it("warms up the helpers that run with batches of the size that they will score", async () => {
    const shared = await withHelpers("shard.js", true);
    const asked = vi.spyOn(Helper.prototype, "score");
    try {
      await warmUp(shared, never());
      expect(asked).not.toHaveBeenCalled();
      shared.helpers.take(1);
      await warmUp(shared, never());
      await scoreAll(shared, task());
      const jobs = asked.mock.calls.map(([{ chunk, examples, aggregate }]) => ({
        chunk,
        examples,
        aggregate,
      }));
      expect(jobs).toHaveLength(2);
      expect(jobs[0]).toEqual(jobs[1]);
      await asked.mock.results[0]?.value;
    } finally {
      asked.mockRestore();
      await closeScorer(shared);
    }
  });

  it("says when all is done", async () => {
    const done: number[] = [];
    await scoreAll(opened, { ...task(), onProgress: (progress) => void done.push(progress.done) });
    expect(done.at(-1)).toBe(2000 * opened.project.checkpoints.length);
  });

  it("fails with what a receiver of chunks throws", async () => {
    const shared = await withHelpers("shard.js");
    const failure = new TracInError("store", "The disk is full.");
    await expect(
      scoreAll(shared, {
        ...task(),
        onChunk: () => {
          throw failure;
        },
      }),
    ).rejects.toMatchObject({ kind: "store", message: "The disk is full." });
    await closeScorer(shared);
  });
});

describe("computeSettings", () => {
  it.each([
    [{ memoryLimit: 100, processes: 8 }, 1],
    [{ memoryLimit: 500, processes: 8 }, 2],
    [{ memoryLimit: 4000, processes: 3 }, 3],
  ])("takes as many processes as memory allows: %j", (options, processes) => {
    expect(computeSettings(options).processes).toBe(processes);
  });

  it("names the engines when there is none of that name", () => {
    expect(() => computeSettings({ engine: "cuda" })).toThrow(/no engine "cuda"/);
  });
});
