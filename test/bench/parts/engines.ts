import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chooseEngine } from "../../../src/core/engines/choose.ts";
import type { EngineName } from "../../../src/core/engines/engine.ts";
import { type Measured, ours } from "../ours.ts";
import { largestDifference } from "../peers.ts";
import { plainTable, type Row } from "../rows.ts";
import type { BenchContext, Part } from "./part.ts";
import { type ModelWorkload, nameOf, workloads, workspaceOf } from "./workloads.ts";

const engines: readonly EngineName[] = ["onnxruntime", "tensorflow", "onnxruntime-web"];

/** Smaller than elsewhere: the others are slower. */
const compared: readonly ModelWorkload[] = [
  { ...workloads.mlp, examples: 4000, checkpoints: 3 },
  { ...workloads.cnn, examples: 1024, checkpoints: 2 },
  { ...workloads.resnet18, examples: 16, checkpoints: 1 },
  { ...workloads.encoder4, examples: 64, checkpoints: 1 },
  { ...workloads.lstm, examples: 128, checkpoints: 1 },
];

/** The same question to every engine, in one process with one thread. */
export const enginesPart: Part = {
  name: "engines",
  async run(context) {
    useTensorFlow(context.python);
    const tables: string[] = [];
    const all: Row[][] = [];
    for (const workload of compared) {
      const root = await workspaceOf(workload, context);
      if (root !== undefined) {
        const rows = await byEngine(workload, root);
        tables.push(plainTable(rows));
        all.push(rows);
      }
    }
    const { engine } = await chooseEngine("auto");
    const verdict = `\`auto\` takes ${engine.name} on this machine; the fastest was ${fastest(all)}.`;
    return { markdown: [...tables, verdict].join("\n\n"), data: all };
  },
};

async function byEngine(workload: ModelWorkload, root: string): Promise<Row[]> {
  const rows: Row[] = [];
  let first: Measured | undefined;
  for (const engine of engines) {
    const name = `${nameOf(workload)}, ${engine}`;
    const out = join(root, engine);
    mkdirSync(out);
    try {
      const measured = await ours({
        name,
        root,
        dataset: "query",
        queries: workload.queries,
        out,
        engine,
        processes: 1,
        withoutWork: true,
      });
      const reference = first ?? measured;
      const { scores } = measured;
      const queries = workload.queries;
      const difference = largestDifference(
        reference.scores,
        queries,
        (query, example) => scores[example * queries + query] as number,
      );
      rows.push({ ...measured.row, name, ...(first === undefined ? {} : { difference }) });
      first = reference;
    } catch (error) {
      const note = error instanceof Error ? error.message : String(error);
      rows.push({ name, note, whole: null, computing: null, visits: null, memory: null });
    }
  }
  return rows;
}

/** The engine with the shortest computation, in how many of the tables. */
function fastest(tables: readonly (readonly Row[])[]): string {
  const wins = new Map<EngineName, number>();
  for (const rows of tables) {
    const times = rows.map(({ computing }) => computing ?? Number.POSITIVE_INFINITY);
    const engine = engines[times.indexOf(Math.min(...times))] as EngineName;
    wins.set(engine, (wins.get(engine) ?? 0) + 1);
  }
  return [...wins]
    .sort(([, a], [, b]) => b - a)
    .map(([engine, count]) => `${engine} in ${count} of ${tables.length}`)
    .join(", ");
}

/** Builds the TensorFlow engine by the project's recipe where that can be done; where not, its rows say so. */
function useTensorFlow(python: BenchContext["python"]): void {
  if (process.env["TRACIN_TENSORFLOW"] !== undefined || python === undefined) {
    return;
  }
  const recipe = ["test/parity/tensorflow.mjs", python];
  const { status, stdout, stderr } = spawnSync(process.execPath, recipe, { encoding: "utf8" });
  if (status === 0) {
    process.env["TRACIN_TENSORFLOW"] = stdout.trim();
  } else {
    process.stderr.write(`No TensorFlow engine: ${stderr.trim()}\n`);
  }
}
