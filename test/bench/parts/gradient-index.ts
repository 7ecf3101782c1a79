import { mkdirSync, statfsSync } from "node:fs";
import { availableParallelism, freemem } from "node:os";
import { join } from "node:path";
import { runProcess } from "../measure.ts";
import type { BenchContext, Part } from "./part.ts";

const width = 2048;
const wanted = 1_000_000;

interface PassRow {
  readonly queries: number;
  readonly memory: number;
  readonly product: number;
  readonly stream: number;
  readonly read: number;
  readonly peak: number;
}

/** One question to an index of a million examples with 2,048 numbers each: from memory and from the disk. */
export const indexPart: Part = {
  name: "index",
  async run(context) {
    const rows = rowsThatFit(context);
    const folder = join(context.folder, "index");
    mkdirSync(folder);
    await pass("write", [folder, "--rows", String(rows)]);
    const read = await pass("read", [folder]);
    const all: PassRow[] = [];
    for (const queries of [1, 10]) {
      const options = ["--queries", String(queries)];
      const stream = await pass("stream", [folder, ...options]);
      const memory = await pass("memory", [folder, ...options]);
      const product = await plainProduct(rows, options);
      all.push({
        queries,
        memory: memory.seconds,
        product,
        stream: stream.seconds,
        read: read.seconds,
        peak: stream.peakMemory,
      });
    }
    return { markdown: table(rows, all), data: { rows, all } };
  },
};

async function pass(mode: string, options: readonly string[]) {
  const program = join(__dirname, "index-pass.js");
  const { lastLine, peakMemory } = await runProcess(process.execPath, [program, mode, ...options]);
  const { seconds = 0 } = JSON.parse(lastLine) as { seconds?: number };
  return { seconds, peakMemory };
}

/** Seconds of a product of the same shape, with one thread or all of them, whichever is faster. */
async function plainProduct(rows: number, options: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (const threads of new Set([1, availableParallelism()])) {
    const all = ["--rows", String(rows), "--threads", String(threads), ...options];
    times.push((await pass("product", all)).seconds);
  }
  return Math.min(...times);
}

/** A million, or as many as leave half of the free memory and of the free disk alone. */
function rowsThatFit({ quick, folder }: BenchContext): number {
  const { bavail, bsize } = statfsSync(folder);
  const room = Math.min(freemem(), bavail * bsize) / 2 / (4 * width);
  const most = quick ? 20_000 : wanted;
  return Math.min(most, Math.floor(room / 100_000) * 100_000 || 20_000);
}

function table(rows: number, all: readonly PassRow[]): string {
  const gigabytes = (rows * width * 4) / 1e9;
  const speed = (seconds: number) =>
    `${seconds.toFixed(2)} s (${(gigabytes / seconds).toFixed(1)} GB/s)`;
  const lines = all.map(
    ({ queries, memory, product, stream, read, peak }) =>
      `| ${queries} | ${speed(memory)} | ${speed(product)} | ${((100 * product) / memory).toFixed(0)}% | ${speed(stream)} | ${speed(read)} | ${(stream / read).toFixed(2)} | ${(peak / 1e6).toFixed(0)} |`,
  );
  return [
    `${rows.toLocaleString("en")} examples x ${width.toLocaleString("en")} numbers in float32 (${gigabytes.toFixed(1)} GB), one checkpoint; the best of eight passes in a process that runs.`,
    "",
    "| queries | in memory | plain product | share | from files | plain read | times | MB |",
    "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ...lines,
  ].join("\n");
}
