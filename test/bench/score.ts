/**
 * The measured program: scores of the queries and self-influence of all training examples of a workspace, exactly as
 * the extension and the command line compute them. Prints one line of JSON.
 *
 *     node score.js FOLDER DATASET QUERIES OUT [--twice]
 *     node score.js FOLDER --work QUERIES        multiply-adds per example and checkpoint
 *     node score.js --engine                     loads the engine and ends
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type OpenScorer, openScorer, scoreAll } from "../../src/compute/scoring.ts";
import { computeSettings, engineFor } from "../../src/compute/settings.ts";
import { trainingData } from "../../src/core/config/project.ts";
import { onnxruntimeEngine } from "../../src/core/engines/onnxruntime.ts";
import { planBatch } from "../../src/core/tracin/programs.ts";
import { multiplyAdds } from "./work.ts";

async function main(): Promise<void> {
  const [root = "", dataset = "", queries = "", out] = process.argv.slice(2);
  if (root === "--engine") {
    await engineFor(computeSettings({}));
    return;
  }
  if (dataset === "--work") {
    await describeWork(root, Number(queries));
    return;
  }
  const count = Number(queries);
  const first = performance.now();
  const opened = await openScorer({
    root,
    config: "tracin.json",
    settings: computeSettings({ shardProgram: join(__dirname, "../shard.js") }),
  });
  const { scores, self, processes } = await answer(opened, dataset, count);
  const again = performance.now();
  if (process.argv.includes("--twice")) {
    await answer(opened, dataset, count);
  }
  const line: ScoreLine = {
    examples: self.length,
    checkpoints: opened.project.checkpoints.length,
    processes,
    openingSeconds: (again - first) / 1000,
    runningSeconds: (performance.now() - again) / 1000,
  };
  if (out !== undefined) {
    writeFileSync(join(out, "scores.bin"), new Uint8Array(scores.buffer));
    writeFileSync(join(out, "self.bin"), new Uint8Array(self.buffer));
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
async function describeWork(root: string, queries: number): Promise<void> {
  const opened = await openScorer({ root, config: "tracin.json", settings: computeSettings({}) });
  const { graph } = await opened.scorer.plan(queries);
  const perBatch = await multiplyAdds(graph, onnxruntimeEngine());
  process.stdout.write(`${JSON.stringify({ multiplyAdds: perBatch / planBatch })}\n`);
  await opened.close();
}

/** What the program prints. */
export interface ScoreLine {
  readonly examples: number;
  readonly checkpoints: number;
  readonly processes: number;
  /** From the question to the answer: project opened, data read, model compiled, everything scored. */
  readonly openingSeconds: number;
  /** The same question asked again while the process runs, data read anew (0 unless asked twice). */
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
