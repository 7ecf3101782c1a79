/**
 * Passes over a gradient index of drawn numbers, 2,048 of each example. Prints one line of JSON.
 *
 *     node index-pass.js write FOLDER --rows N      writes the index
 *     node index-pass.js stream FOLDER --queries N  one pass over the files
 *     node index-pass.js read FOLDER                reads the same bytes in order by the same calls, and nothing else
 *     node index-pass.js memory FOLDER --queries N  passes over the numbers in memory
 *     node index-pass.js product --rows N --queries N --threads N
 *                                                   a plain product of matrices of that shape by the engine
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { ProjectCheckpoint } from "../../src/core/config/project.ts";
import { onnxruntimeEngine } from "../../src/core/engines/onnxruntime.ts";
import { referenceEngine } from "../../src/core/engines/reference/engine.ts";
import { GraphBuilder } from "../../src/core/graph/builder.ts";
import { float32 } from "../../src/core/graph/tensor.ts";
import { type IndexManifest, shardsFolder } from "../../src/core/index/manifest.ts";
import { type IndexLayout, IndexPrograms, queryInput } from "../../src/core/index/programs.ts";
import { IndexReader } from "../../src/core/index/reader.ts";
import { writeShard } from "../../src/core/index/shard.ts";
import type { ModelOptions } from "../../src/core/tracin/programs.ts";
import { normal, uniform } from "./random.ts";

const width = 2048;
const blockRows = 2048;
/** Bytes of a read of the plain reading: as many as a slice of the pass has. */
const readBytes = 2 * 2 ** 20;
const rounds = 8;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rows: { type: "string", default: "1000000" },
      queries: { type: "string", default: "1" },
      threads: { type: "string", default: "1" },
    },
  });
  const [mode = "", folder = "."] = positionals;
  const [rows, queries] = [Number(values.rows), Number(values.queries)];
  const modes: Readonly<Record<string, () => Promise<unknown>>> = {
    write: () => write(folder, rows),
    stream: () => stream(folder, queries, 0),
    memory: () => stream(folder, queries, Number.MAX_SAFE_INTEGER),
    read: () => read(folder),
    product: () => product(rows, queries, Number(values.threads)),
  };
  const run = modes[mode];
  if (run === undefined) {
    throw new Error(`There is no mode "${mode}".`);
  }
  process.stdout.write(`${JSON.stringify(await run())}\n`);
}

async function write(root: string, rows: number): Promise<unknown> {
  const folder = shardsFolder(root);
  mkdirSync(folder, { recursive: true });
  const draw = normal(uniform(1));
  const numbers = Float32Array.from({ length: blockRows * width }, draw);
  const blocks: IndexManifest["blocks"] = [];
  for (let start = 0; start < rows; start += blockRows) {
    const size = Math.min(blockRows, rows - start);
    const key = (start / blockRows).toString(16).padStart(40, "0");
    const sketch = float32([size, width], numbers.subarray(0, size * width));
    await writeShard(folder, key, [["sketch", sketch]], {});
    blocks.push({ start, size, rows: key, shards: [key] });
  }
  writeFileSync(join(root, "blocks.json"), JSON.stringify(blocks));
  return { rows };
}

/** The best of some passes; the first one is not counted, which fills the memory where that is asked. */
async function stream(root: string, queries: number, memoryLimit: number): Promise<unknown> {
  const blocks = JSON.parse(
    readFileSync(join(root, "blocks.json"), "utf8"),
  ) as IndexManifest["blocks"];
  const examples = blocks.reduce((sum, { size }) => sum + size, 0);
  const layout = { tensors: [{ name: "sketch", dtype: "float32", shape: [width] }] } as const;
  const sketch = { width, isExact: false, groups: [] };
  const settings = { type: "sketch", size: width, numbers: "float32", seed: 1 } as const;
  // The pass needs neither a model nor what else an index knows of one.
  const programs = new IndexPrograms(onnxruntimeEngine(), referenceEngine(), {} as ModelOptions);
  const reader = new IndexReader({
    root,
    manifest: {
      settings,
      blocks,
      blockRows,
      examples,
      checkpoints: [{ file: "c" }],
    } as unknown as IndexManifest,
    layout: { ...layout, sketch } as unknown as IndexLayout,
    programs,
    checkpoints: [{ file: "c", weight: 1 } as ProjectCheckpoint],
    memoryLimit,
  });
  const query = float32([width, queries], new Float32Array(width * queries).fill(0.5));
  const options = {
    queries: [new Map([[queryInput, query]])],
    count: queries,
    aggregate: false,
  };
  const times: number[] = [];
  let seen = 0;
  for (let round = 0; round <= rounds; round++) {
    const started = performance.now();
    await reader.pass(options, ({ size }) => {
      seen += size;
    });
    times.push((performance.now() - started) / 1000);
  }
  return { seconds: Math.min(...times.slice(1)), passes: seen / examples };
}

async function read(root: string): Promise<unknown> {
  const folder = shardsFolder(root);
  const names = (await readdir(folder)).sort();
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const buffer = new Uint8Array(readBytes);
    const started = performance.now();
    for (const name of names) {
      const handle = await open(join(folder, name), "r");
      for (let position = 0; ; ) {
        const { bytesRead } = await handle.read(buffer, 0, readBytes, position);
        if (bytesRead === 0) {
          break;
        }
        position += bytesRead;
      }
      await handle.close();
    }
    times.push((performance.now() - started) / 1000);
  }
  return { seconds: Math.min(...times) };
}

/** One product over all rows: [rows, width] x [width, queries], in pieces of less than 2 GiB. */
async function product(rows: number, queries: number, threads: number): Promise<unknown> {
  const most = 250_000;
  const pieces = Array.from({ length: Math.ceil(rows / most) }, (_, piece) =>
    Math.min(most, rows - piece * most),
  ).map((size) => float32([size, width], new Float32Array(size * width).fill(0.25)));
  const query = float32([width, queries], new Float32Array(width * queries).fill(0.5));
  const programs = await Promise.all(
    pieces.map(async ({ shape: [size = 0] }) => {
      const builder = new GraphBuilder();
      const a = builder.input({ name: "a", dtype: "float32", shape: [size, width] });
      const b = builder.input({ name: "b", dtype: "float32", shape: [width, queries] });
      const result = builder.matmul(a, b);
      builder.output({ name: result, dtype: "float32", shape: [size, queries] });
      return onnxruntimeEngine().compile(builder.build(), { threads });
    }),
  );
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const started = performance.now();
    for (const [index, program] of programs.entries()) {
      const a = pieces[index] ?? query;
      await program.run(
        new Map([
          ["a", a],
          ["b", query],
        ]),
      );
    }
    times.push((performance.now() - started) / 1000);
  }
  return { seconds: Math.min(...times.slice(1)) };
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
});
