/**
 * The measured program: scores of the queries and self-influence of all training examples of a workspace, exactly as
 * the extension and the command line compute them. Prints one line of JSON.
 *
 *     node score.js FOLDER --dataset NAME --queries N --out FOLDER [--twice]
 *     node score.js FOLDER --queries N --work       multiply-adds per example and checkpoint
 *     node score.js --warm                          loads the engine and ends
 *
 * Settings of the product: --engine, --processes, --layers, --memory-limit.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type OpenScorer, openScorer, scoreAll } from "../../src/compute/scoring.ts";
import { computeSettings, engineFor } from "../../src/compute/settings.ts";
import { trainingData } from "../../src/core/config/project.ts";
import { onnxruntimeEngine } from "../../src/core/engines/onnxruntime.ts";
import { planBatch } from "../../src/core/tracin/programs.ts";
import { workOf } from "./work.ts";

/** Milliseconds between two questions. */
const reading = 1000;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      dataset: { type: "string", default: "query" },
      queries: { type: "string", default: "10" },
      out: { type: "string" },
      engine: { type: "string" },
      processes: { type: "string" },
      layers: { type: "string" },
      "memory-limit": { type: "string" },
      twice: { type: "boolean", default: false },
      work: { type: "boolean", default: false },
      warm: { type: "boolean", default: false },
    },
  });
  const settings = computeSettings({
    engine: values.engine,
    processes: Number(values.processes ?? 0),
    memoryLimit: Number(values["memory-limit"] ?? 0),
    shardProgram: join(__dirname, "../shard.js"),
    isServing: values.twice,
  });
  if (values.warm) {
    await engineFor(settings);
    return;
  }
  const count = Number(values.queries);
  const layers = values.layers === "last" ? "last" : undefined;
  const first = performance.now();
  const root = positionals[0] ?? ".";
  const opened = await openScorer({ root, config: "tracin.json", settings, layers });
  if (values.work) {
    await describeWork(opened, count);
    return;
  }
  let { scores, self, processes } = await answer(opened, values.dataset, count);
  const openingSeconds = (performance.now() - first) / 1000;
  let runningSeconds = 0;
  if (values.twice) {
    // As somebody reads an answer before the next question; what was started for it is ready then.
    await setTimeout(reading);
    const again = performance.now();
    ({ scores, self, processes } = await answer(opened, values.dataset, count));
    runningSeconds = (performance.now() - again) / 1000;
  }
  const line: ScoreLine = {
    examples: self.length,
    checkpoints: opened.project.checkpoints.length,
    processes,
    openingSeconds,
    runningSeconds,
  };
  if (values.out !== undefined) {
    writeFileSync(join(values.out, "scores.bin"), new Uint8Array(scores.buffer));
    writeFileSync(join(values.out, "self.bin"), new Uint8Array(self.buffer));
  }
  process.stdout.write(`${JSON.stringify(line)}\n`);
  await opened.close();
}

/** Scores [examples, queries] and self-influence [examples], summed over checkpoints. */
async function answer(opened: OpenScorer, dataset: string, count: number) {
  const examples = trainingData(opened.project).length;
  const scores = new Float32Array(examples * count);
  const self = new Float32Array(examples);
  const processes = await scoreAll(opened, {
    selection: Array.from({ length: count }, (_, index) => ({ dataset, index, explain: "target" })),
    aggregate: false,
    signal: new AbortController().signal,
    onChunk: ({ start, size, scoreParts, selfParts }) => {
      addParts(scores, scoreParts, start * count, size * count);
      addParts(self, selfParts, start, size);
    },
  });
  return { scores, self, processes };
}

/** Prints how many multiply-adds one example costs at one checkpoint, without scoring anything. */
async function describeWork(opened: OpenScorer, queries: number): Promise<void> {
  const { graph } = await opened.scorer.plan(queries);
  const perBatch = await workOf(graph, onnxruntimeEngine());
  process.stdout.write(`${JSON.stringify({ multiplyAdds: perBatch / planBatch })}\n`);
  await opened.close();
}

/** What the program prints. */
export interface ScoreLine {
  readonly examples: number;
  readonly checkpoints: number;
  /** Processes of the last answer. */
  readonly processes: number;
  /** From the question to the answer: project opened, data read, model compiled, everything scored. */
  readonly openingSeconds: number;
  /** The same question asked again a second later while the process runs, data read anew (0 unless asked twice). */
  readonly runningSeconds: number;
}

/** Adds the parts of all checkpoints, [C, length], to a stretch of the sums. */
function addParts(sums: Float32Array, parts: Float32Array, start: number, length: number): void {
  for (let part = 0; part < parts.length; part += length) {
    for (let at = 0; at < length; at++) {
      sums[start + at] = (sums[start + at] as number) + (parts[part + at] as number);
    }
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
});
