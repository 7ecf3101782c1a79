import { mkdirSync, statfsSync } from "node:fs";
import { freemem } from "node:os";
import { join } from "node:path";
import { runProcess } from "../measure.ts";
import { markdownTable } from "../rows.ts";
import type { BenchContext, Part } from "./part.ts";

const width = 2048;
const wanted = 1_000_000;

/** Seconds of a pass over the index, and of what it is held against. */
interface Compared {
  readonly seconds: number;
  readonly plain: number;
  readonly peakMemory: number;
}

interface PassRow {
  readonly queries: number;
  readonly memory: Compared;
  readonly stream: Compared;
  /** Undefined where the system's cache cannot be emptied. */
  readonly cold: Compared | undefined;
}

/** One question to an index of a million examples with 2,048 numbers each: from memory and from the disk. */
export const indexPart: Part = {
  name: "index",
  async run(context) {
    const rows = rowsThatFit(context);
    const folder = join(context.folder, "index");
    mkdirSync(folder);
    await pass("write", [folder, "--rows", String(rows)]);
    const all: PassRow[] = [];
    for (const queries of [1, 10]) {
      const options = [folder, "--queries", String(queries)];
      all.push({
        queries,
        stream: await pass("stream", options),
        memory: await pass("memory", options),
        cold: process.platform === "linux" ? await pass("cold", options) : undefined,
      });
    }
    return { markdown: table(rows, all), data: { rows, all } };
  },
};

async function pass(mode: string, options: readonly string[]): Promise<Compared> {
  const program = join(__dirname, "index-pass.js");
  const { lastLine, peakMemory } = await runProcess(process.execPath, [program, mode, ...options]);
  const { seconds = 0, plain = 0 } = JSON.parse(lastLine) as Partial<Compared>;
  return { seconds, plain, peakMemory };
}

/** A million, or as many as leave half of the free disk, and memory for what they are held against, alone. */
function rowsThatFit({ quick, folder }: BenchContext): number {
  const { bavail, bsize } = statfsSync(folder);
  const room = Math.min(freemem(), bavail * bsize) / 2 / (4 * width);
  const most = quick ? 20_000 : wanted;
  return Math.min(most, Math.floor(room / 100_000) * 100_000 || 20_000);
}

function table(rows: number, all: readonly PassRow[]): string {
  const gigabytes = (rows * width * 4) / 1e9;
  const line = (from: string, queries: number, compared: Compared): readonly string[] => [
    from,
    String(queries),
    ...[compared.seconds, compared.plain].flatMap((seconds) => [
      seconds.toFixed(2),
      (gigabytes / seconds).toFixed(1),
    ]),
    from === "memory"
      ? `${((100 * compared.plain) / compared.seconds).toFixed(0)}% of the speed`
      : `${(compared.seconds / compared.plain).toFixed(2)} times as long`,
    (compared.peakMemory / 1e6).toFixed(0),
  ];
  const lines = all.flatMap(({ queries, memory, stream, cold }) => [
    line("memory", queries, memory),
    line("files, read before", queries, stream),
    ...(cold === undefined ? [] : [line("files, not in the cache", queries, cold)]),
  ]);
  const head = ["from", "queries", "pass s", "GB/s", "plain s", "GB/s", "pass to plain", "MB"];
  return [
    `${rows.toLocaleString("en")} examples x ${width.toLocaleString("en")} numbers in float32 (${gigabytes.toFixed(1)} GB), one checkpoint.`,
    markdownTable(head, lines),
  ].join("\n\n");
}
