/**
 * The measured program: scores of the queries and self-influence of all training examples of a workspace, exactly as
 * the extension and the command line compute them. Prints one line of JSON.
 *
 *     node score.js FOLDER DATASET QUERIES [OUT]
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openScorer, scoreAll } from "../../src/compute/scoring.ts";
import { computeSettings } from "../../src/compute/settings.ts";
import { trainingData } from "../../src/core/config/project.ts";

async function main(): Promise<void> {
  const [root = "", dataset = "", queries = "", out] = process.argv.slice(2);
  const opened = await openScorer({
    root,
    config: "tracin.json",
    settings: computeSettings({ shardProgram: join(__dirname, "../shard.js") }),
  });
  const count = Number(queries);
  const examples = trainingData(opened.project).length;
  const plan = await opened.scorer.plan(count);
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
  if (out !== undefined) {
    writeFileSync(join(out, "scores.bin"), new Uint8Array(scores.buffer));
    writeFileSync(join(out, "self.bin"), new Uint8Array(self.buffer));
  }
  await opened.close();
  const checkpoints = opened.project.checkpoints.length;
  const line = { examples, checkpoints, processes, cost: plan.cost };
  process.stdout.write(`${JSON.stringify(line)}\n`);
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
