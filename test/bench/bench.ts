/**
 * npm run bench [-- --json FILE] [--without-peers] [--python PROGRAM]
 *
 * Times TracIn on the digits sample and on two fixed workloads, and, where Python with captum and PyTorch is at hand
 * (`--python`, or the parity suite's environment), the same work by others in the same run. Our time is that of the
 * whole process, start-up and reading included; a peer's is that of the computation alone, without imports and
 * reading. Ratio = peer / ours. The running ratio compares with the same question asked again in a process that runs,
 * as the extension's does.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { matrixProductPeak, runProcess } from "./measure.ts";
import type { ScoreLine } from "./score.ts";
import { type Workload, writeWorkspace } from "./workspace.ts";

interface Row {
  readonly name: string;
  readonly seconds: number;
  /** The same question asked again in the running process; null for peers. */
  readonly runningSeconds: number | null;
  /** Examples times checkpoints per second. */
  readonly examplesPerSecond: number;
  /** Bytes. */
  readonly peakMemory: number;
  /** Useful multiply-adds per second over the machine's matrix-product peak. */
  readonly shareOfPeak: number | null;
  readonly peer: string | null;
  readonly ratio: number | null;
  readonly runningRatio: number | null;
  /** Largest difference of a score from the peer's, relative to the query's largest. */
  readonly difference: number | null;
}

interface Measured {
  readonly row: Row;
  /** [examples, queries] */
  readonly scores: Float32Array;
}

const rounds = 3;
const workloads: readonly Workload[] = [
  { architecture: "mlp", examples: 8000, queries: 10, checkpoints: 7 },
  { architecture: "cnn", examples: 8000, queries: 10, checkpoints: 5 },
];
const peers = ["captum", "torch"] as const;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "string" },
      python: { type: "string" },
      "without-peers": { type: "boolean", default: false },
    },
  });
  const python = values["without-peers"] ? undefined : findPython(values.python);
  const folder = mkdtempSync(join(tmpdir(), "tracin-bench-"));
  try {
    const peak = await matrixProductPeak();
    print(
      `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, Node ${process.version}; ` +
        `matrix product: ${(peak / 1e9).toFixed(1)} billion multiply-adds per second`,
    );
    const digits = await ours("digits sample (cnn)", "samples/digits", "test", 10, folder, peak);
    const rows = [digits.row];
    for (const workload of workloads) {
      rows.push(...(await compare(workload, join(folder, workload.architecture), peak, python)));
    }
    print(tableOf(rows));
    if (python === undefined) {
      print(
        "No peers: give --python, or make the parity suite's environment (npm run test:parity).",
      );
    }
    if (values.json !== undefined) {
      writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Ours and the peers' on one workload, from the same files. */
async function compare(
  workload: Workload,
  folder: string,
  peak: number,
  python: string | undefined,
): Promise<Row[]> {
  const { architecture, queries } = workload;
  writeWorkspace(folder, workload);
  const name = `${architecture} ${workload.examples} x ${workload.checkpoints}`;
  const measured = await ours(name, folder, "query", queries, folder, peak);
  const rows = [measured.row];
  for (const peer of python === undefined ? [] : peers) {
    const script = join("test/bench/peers", `${peer}_peer.py`);
    const { lastLine } = await runProcess(python as string, [
      script,
      folder,
      "--arch",
      architecture,
    ]);
    const result = JSON.parse(lastLine) as {
      seconds: number;
      peakMemoryBytes: number;
      threads: number;
      batch: number;
      scoresFile: string;
    };
    rows.push({
      name: `  ${peer}, ${result.threads} threads, batches of ${result.batch}`,
      seconds: result.seconds,
      runningSeconds: null,
      examplesPerSecond: (workload.examples * workload.checkpoints) / result.seconds,
      peakMemory: result.peakMemoryBytes,
      shareOfPeak: null,
      peer,
      ratio: result.seconds / measured.row.seconds,
      runningRatio: result.seconds / (measured.row.runningSeconds ?? Number.NaN),
      difference: differenceFrom(measured.scores, result.scoresFile, queries),
    });
  }
  return rows;
}

/** The best of some runs of the product on a workspace. */
async function ours(
  name: string,
  root: string,
  dataset: string,
  queries: number,
  out: string,
  peak: number,
): Promise<Measured> {
  const program = join(__dirname, "score.js");
  const runs = [];
  for (let round = 0; round < rounds; round++) {
    const args = [program, root, dataset, String(queries), out];
    runs.push(await runProcess(process.execPath, args));
  }
  const best = runs.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  const told = JSON.parse(best.lastLine) as ScoreLine;
  const twice = [];
  for (let round = 0; round < rounds; round++) {
    const args = [program, root, dataset, String(queries), out, "--twice"];
    const { lastLine } = await runProcess(process.execPath, args);
    twice.push((JSON.parse(lastLine) as ScoreLine).runningSeconds);
  }
  const work = await runProcess(process.execPath, [program, root, "--work", String(queries)]);
  const { multiplyAdds } = JSON.parse(work.lastLine) as { multiplyAdds: number };
  const visits = told.examples * told.checkpoints;
  const bytes = readFileSync(join(out, "scores.bin"));
  return {
    scores: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
    row: {
      name: `${name}, ${told.processes} process${told.processes === 1 ? "" : "es"}`,
      seconds: best.seconds,
      runningSeconds: Math.min(...twice),
      examplesPerSecond: visits / best.seconds,
      peakMemory: Math.max(...runs.map((run) => run.peakMemory)),
      shareOfPeak: (visits * multiplyAdds) / best.seconds / peak,
      peer: null,
      ratio: null,
      runningRatio: null,
      difference: null,
    },
  };
}

/** Compares with a peer's .npy of float32 [queries, examples]. */
function differenceFrom(scores: Float32Array, file: string, queries: number): number {
  const bytes = readFileSync(file);
  const start = 10 + bytes.readUInt16LE(8);
  const theirs = new Float32Array(
    bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length),
  );
  const examples = scores.length / queries;
  let worst = 0;
  for (let query = 0; query < queries; query++) {
    let scale = 0;
    let difference = 0;
    for (let example = 0; example < examples; example++) {
      const peer = theirs[query * examples + example] as number;
      scale = Math.max(scale, Math.abs(peer));
      difference = Math.max(
        difference,
        Math.abs(peer - (scores[example * queries + query] as number)),
      );
    }
    worst = Math.max(worst, difference / scale);
  }
  return worst;
}

/** An interpreter that can import the peers' packages. */
function findPython(told: string | undefined): string | undefined {
  const environment = "test/parity/.venv/bin/python";
  return (
    told ?? process.env["TRACIN_PYTHON"] ?? (existsSync(environment) ? environment : undefined)
  );
}

function tableOf(rows: readonly Row[]): string {
  const table = new Table({
    head: ["", "s", "s again", "examples/s", "MB", "of peak", "ratio", "ratio again", "difference"],
    colAligns: ["left", ...Array.from({ length: 8 }, () => "right" as const)],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    table.push([
      row.name,
      row.seconds.toFixed(2),
      row.runningSeconds === null ? "" : row.runningSeconds.toFixed(2),
      Math.round(row.examplesPerSecond).toString(),
      (row.peakMemory / 1e6).toFixed(0),
      row.shareOfPeak === null ? "" : `${(100 * row.shareOfPeak).toFixed(0)}%`,
      row.ratio === null ? "" : row.ratio.toFixed(1),
      row.runningRatio === null ? "" : row.runningRatio.toFixed(1),
      row.difference === null ? "" : row.difference.toExponential(1),
    ]);
  }
  return table.toString();
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
});
