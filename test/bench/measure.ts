import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { onnxruntimeEngine } from "../../src/core/engines/onnxruntime.ts";
import { GraphBuilder } from "../../src/core/graph/builder.ts";
import { float32 } from "../../src/core/graph/tensor.ts";

/** Milliseconds between two looks at the memory of a process and its children. */
const samplingInterval = 20;

export interface ProcessResult {
  /** What it printed on its last line. */
  readonly lastLine: string;
  /** From the spawn to the exit. */
  readonly seconds: number;
  /** Largest sum of resident memory over the process and its descendants, bytes; 0 where /proc is missing. */
  readonly peakMemory: number;
}

/** Runs a program to its end and watches its memory. Throws when it fails, with what it said last. */
export async function runProcess(command: string, args: readonly string[]): Promise<ProcessResult> {
  const started = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
    process.stderr.write(text);
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  let peakMemory = 0;
  const sampler = setInterval(() => {
    peakMemory = Math.max(peakMemory, residentMemory(child.pid));
  }, samplingInterval);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  }).finally(() => clearInterval(sampler));
  const seconds = (performance.now() - started) / 1000;
  if (code !== 0) {
    const last = complaint.trim().split("\n").at(-1);
    throw new Error(last || `${command} ${args.join(" ")} ended with ${code}.`);
  }
  return { lastLine: output.trim().split("\n").at(-1) ?? "", seconds, peakMemory };
}

/** Multiply-adds per second of a plain matrix product on all cores: the roof for everything that is measured. */
export async function matrixProductPeak(): Promise<number> {
  const size = 1024;
  const builder = new GraphBuilder();
  const [a, b] = ["a", "b"].map((name) =>
    builder.input({ name, dtype: "float32", shape: [size, size] }),
  ) as [string, string];
  const product = builder.matmul(a, b);
  builder.output({ name: product, dtype: "float32", shape: [size, size] });
  const threads = availableParallelism();
  const program = await onnxruntimeEngine().compile(builder.build(), { threads });
  const matrix = float32([size, size], new Float32Array(size * size).fill(0.5));
  const feeds = new Map([
    ["a", matrix],
    ["b", matrix],
  ]);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 12; round++) {
    const started = performance.now();
    await program.run(feeds);
    best = Math.min(best, performance.now() - started);
  }
  await program.dispose();
  return size ** 3 / (best / 1000);
}

/** Resident bytes of a process and its descendants (Linux; 0 elsewhere). */
function residentMemory(pid: number | undefined): number {
  if (pid === undefined) {
    return 0;
  }
  return childrenOf(pid).reduce(
    (total, child) => total + residentMemory(child),
    1024 * residentKilobytes(pid),
  );
}

/** Read from the process's own folder: looking at all processes of the machine would slow down what is measured. */
function childrenOf(pid: number): number[] {
  return readDirectory(`/proc/${pid}/task`).flatMap((thread) =>
    readText(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
}

function residentKilobytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readText(`/proc/${pid}/status`))?.[1] ?? 0);
}

/** Nothing where the process has ended meanwhile. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function readDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
