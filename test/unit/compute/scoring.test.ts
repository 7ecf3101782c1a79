import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OpenScorer, openScorer, scoreAll } from "../../../src/compute/scoring.ts";
import { computeSettings, memoryPerProcess } from "../../../src/compute/settings.ts";
import { scoreInProcess } from "../../../src/compute/shards.ts";
import { TracInError } from "../../../src/core/errors.ts";
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

function job(range: { start: number; end: number }) {
  return {
    root: opened.project.root,
    config: opened.config,
    engine: opened.settings.engine,
    memoryLimit: memoryPerProcess(opened.settings),
    layers: opened.layers,
    encoder: opened.project.encoder.state,
    selection,
    aggregate: false,
    range,
    chunk: 256,
  };
}

describe("a helper process", () => {
  it("computes the same numbers as this one", async () => {
    const here: ScoreChunk[] = [];
    await scoreAll(opened, {
      selection,
      aggregate: false,
      onChunk: (chunk) => void here.push(chunk),
      signal: new AbortController().signal,
    });
    const there: ScoreChunk[] = [];
    await scoreInProcess(
      join(dirname(programs.compute), "shard.js"),
      job({ start: 700, end: 1300 }),
      (report) => report.kind === "chunk" && there.push(report.chunk),
      new AbortController().signal,
    );
    const checkpoints = opened.project.checkpoints.length;
    const read = (chunks: readonly ScoreChunk[], example: number) => {
      const chunk = chunks.find(({ start, size }) => start <= example && example < start + size);
      expect(chunk?.scoreParts).toBeInstanceOf(Float32Array);
      return Array.from({ length: checkpoints }, (_, c) => {
        const place = c * (chunk?.size ?? 0) + example - (chunk?.start ?? 0);
        return [
          chunk?.scoreParts[place] ?? 0,
          chunk?.selfParts[place] ?? 0,
          chunk?.losses[place] ?? 0,
        ];
      }).flat();
    };
    expect(here.reduce((sum, { size }) => sum + size, 0)).toBe(2000);
    expect(there.reduce((sum, { size }) => sum + size, 0)).toBe(600);
    for (let example = 700; example < 1300; example++) {
      const [a, b] = [read(here, example), read(there, example)];
      for (const [index, value] of a.entries()) {
        // Batches differ in size, so that the engine may add in another order.
        expect(Math.abs(value - (b[index] ?? Number.NaN))).toBeLessThanOrEqual(
          1e-5 * (1 + Math.abs(value)),
        );
      }
    }
  });

  it("is named in the error when it dies, with what to do", async () => {
    const program = join(dirname(programs.compute), "dies.js");
    await writeFile(program, "process.kill(process.pid, 'SIGKILL');");
    const call = scoreInProcess(
      program,
      job({ start: 0, end: 10 }),
      () => undefined,
      new AbortController().signal,
    );
    const error = await call.catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(TracInError);
    expect(error).toMatchObject({
      kind: "engine",
      message: expect.stringContaining("SIGKILL"),
      remedy: expect.stringContaining("memory"),
    });
    await writeFile(program, "process.exit(7);");
    await expect(
      scoreInProcess(
        program,
        job({ start: 0, end: 10 }),
        () => undefined,
        new AbortController().signal,
      ),
    ).rejects.toThrow(/exit code 7/);
  });

  it("passes on the error of its own work", async () => {
    const wrong = { ...job({ start: 0, end: 10 }), layers: ["none*"] };
    await expect(
      scoreInProcess(
        join(dirname(programs.compute), "shard.js"),
        wrong,
        () => undefined,
        new AbortController().signal,
      ),
    ).rejects.toMatchObject({ kind: "config", message: expect.stringContaining("none*") });
  });

  it("ends at once when it is cancelled", async () => {
    const controller = new AbortController();
    const program = join(dirname(programs.compute), "hangs.js");
    await writeFile(program, "setInterval(() => undefined, 1000);");
    setTimeout(() => controller.abort(), 200);
    const started = performance.now();
    await expect(
      scoreInProcess(program, job({ start: 0, end: 10 }), () => undefined, controller.signal),
    ).rejects.toMatchObject({ kind: "cancelled" });
    expect(performance.now() - started).toBeLessThan(1200);
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
