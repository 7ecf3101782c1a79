/**
 * npm run bench [-- --json FILE] [--without-peers] [--python PROGRAM] [--only engine,digits,mlp,cnn]
 *
 * Times TracIn on the digits sample and on two fixed workloads, and, where Python with captum and PyTorch is at hand
 * (`--python`, or the parity suite's environment), the same work by others in the same run. Three ratios, peer / ours:
 * the strict one holds a peer's computation alone against our whole process; the other two compare like with like, whole
 * process with whole process (imports, reading and computing), and computation with the same question asked again in a
 * process that runs, as the extension's does. The first row is a process that only loads program and engine: no whole
 * process of ours can be faster.
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
  /** Ours: the whole process. A peer's: its computation alone. */
  readonly seconds: number;
  /** From the start of the process to its end. */
  readonly wholeSeconds: number;
  /** The same question asked again in the running process; null for peers. */
  readonly runningSeconds: number | null;
  /** Examples times checkpoints per second. */
  readonly examplesPerSecond: number;
  /** Bytes. */
  readonly peakMemory: number;
  /** Useful multiply-adds per second over the machine's matrix-product peak. */
  readonly shareOfPeak: number | null;
  readonly peer: string | null;
  /** The peer's computation over our whole process. */
  readonly ratio: number | null;
  /** Whole process over whole process. */
  readonly wholeRatio: number | null;
  /** The peer's computation over our running one. */
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
const parts = ["engine", "digits", ...workloads.map(({ architecture }) => architecture)];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "string" },
      python: { type: "string" },
      "without-peers": { type: "boolean", default: false },
      only: { type: "string" },
    },
  });
  const only = values.only?.split(",") ?? parts;
  const unknown = only.find((part) => !parts.includes(part));
  if (unknown !== undefined) {
    throw new Error(`--only takes ${parts.join(", ")}, not "${unknown}".`);
  }
  const python = values["without-peers"] ? undefined : findPython(values.python);
  const folder = mkdtempSync(join(tmpdir(), "tracin-bench-"));
  try {
    const peak = await matrixProductPeak();
    print(
      `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, Node ${process.version}; ` +
        `matrix product: ${(peak / 1e9).toFixed(1)} billion multiply-adds per second`,
    );
    const rows: Row[] = [];
    if (only.includes("engine")) {
      rows.push(await engineAlone());
    }
    if (only.includes("digits")) {
      const name = "digits sample (cnn)";
      rows.push((await ours(name, "samples/digits", "test", 10, folder, peak)).row);
    }
    for (const workload of workloads.filter(({ architecture }) => only.includes(architecture))) {
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
      wholeSeconds: number;
      peakMemoryBytes: number;
      threads: number;
      batch: number;
      scoresFile: string;
    };
    rows.push({
      name: `  ${peer}, ${result.threads} threads, batches of ${result.batch}`,
      seconds: result.seconds,
      wholeSeconds: result.wholeSeconds,
      runningSeconds: null,
      examplesPerSecond: (workload.examples * workload.checkpoints) / result.seconds,
      peakMemory: result.peakMemoryBytes,
      shareOfPeak: null,
      peer,
      ratio: result.seconds / measured.row.seconds,
      wholeRatio: result.wholeSeconds / measured.row.wholeSeconds,
      runningRatio: result.seconds / (measured.row.runningSeconds ?? Number.NaN),
      difference: differenceFrom(measured.scores, result.scoresFile, queries),
    });
  }
  return rows;
}

/** A process that is asked nothing: Node, our program, the engine's library, and one product of two small matrices. */
async function engineAlone(): Promise<Row> {
  const runs = [];
  for (let round = 0; round < rounds; round++) {
    runs.push(await runProcess(process.execPath, [join(__dirname, "score.js"), "--engine"]));
  }
  const seconds = Math.min(...runs.map((run) => run.seconds));
  return {
    name: "engine loaded, nothing asked",
    seconds,
    wholeSeconds: seconds,
    runningSeconds: null,
    examplesPerSecond: 0,
    peakMemory: Math.max(...runs.map((run) => run.peakMemory)),
    shareOfPeak: null,
    peer: null,
    ratio: null,
    wholeRatio: null,
    runningRatio: null,
    difference: null,
  };
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
      wholeSeconds: best.seconds,
      runningSeconds: Math.min(...twice),
      examplesPerSecond: visits / best.seconds,
      peakMemory: Math.max(...runs.map((run) => run.peakMemory)),
      shareOfPeak: (visits * multiplyAdds) / best.seconds / peak,
      peer: null,
      ratio: null,
      wholeRatio: null,
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
  const head = ["", "whole s", "computing s", "examples/s", "MB", "of peak"];
  const ratios = ["ratio", "whole", "computing", "difference"];
  const table = new Table({
    head: [...head, ...ratios],
    colAligns: ["left", ...Array.from({ length: 9 }, () => "right" as const)],
    style: { head: [], border: [] },
  });
  const number = (value: number | null, digits: number) => value?.toFixed(digits) ?? "";
  for (const row of rows) {
    table.push([
      row.name,
      number(row.wholeSeconds, 2),
      number(row.peer === null ? row.runningSeconds : row.seconds, 2),
      row.examplesPerSecond === 0 ? "" : Math.round(row.examplesPerSecond).toString(),
      (row.peakMemory / 1e6).toFixed(0),
      row.shareOfPeak === null ? "" : `${(100 * row.shareOfPeak).toFixed(0)}%`,
      number(row.ratio, 1),
      number(row.wholeRatio, 1),
      number(row.runningRatio, 1),
      row.difference?.toExponential(1) ?? "",
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
