/**
 * Passes over a gradient index of drawn numbers, 2,048 of each example. Prints one line of JSON. What is compared takes turns
 * in one process, so that other programs slow down both.
 *
 *     node index-pass.js write FOLDER --rows N      writes the index
 *     node index-pass.js stream FOLDER --queries N  passes over the files, and plain readings of the same bytes in order by the same calls
 *     node index-pass.js cold FOLDER --queries N    the same, the files dropped from the system's cache before each (Linux)
 *     node index-pass.js memory FOLDER --queries N  passes over the numbers in memory, and plain products of matrices of that
 *                                                   shape by the engine, with one thread and with all
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { availableParallelism } from "node:os";
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
/** Turns, of which each takes its best; from a cold cache every one takes seconds. */
const rounds = { warm: 8, cold: 3 } as const;
/** Rows of a plain product, of which as many follow each other as it takes: 2 GB, far more than any cache holds. */
const productRows = 250_000;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rows: { type: "string", default: "1000000" },
      queries: { type: "string", default: "1" },
    },
  });
  const [mode = "", folder = "."] = positionals;
  const queries = Number(values.queries);
  const modes: Readonly<Record<string, () => Promise<unknown>>> = {
    write: () => write(folder, Number(values.rows)),
    stream: () => stream(folder, queries),
    cold: () => cold(folder, queries),
    memory: () => memory(folder, queries),
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

/** The least seconds of each action over some turns. */
async function takeTurns(
  turns: number,
  actions: readonly (() => Promise<void>)[],
  /** What is not timed before each. */
  prepare: () => void = () => undefined,
): Promise<number[]> {
  const least = actions.map(() => Number.POSITIVE_INFINITY);
  for (let turn = 0; turn < turns; turn++) {
    for (const [index, action] of actions.entries()) {
      prepare();
      const started = performance.now();
      await action();
      const taken = (performance.now() - started) / 1000;
      least[index] = Math.min(least[index] as number, taken);
    }
  }
  return least;
}

async function stream(root: string, queries: number): Promise<unknown> {
  const { pass } = openPass(root, queries, 0);
  await pass();
  const [seconds, plain] = await takeTurns(rounds.warm, [pass, () => readAll(root)]);
  return { seconds, plain };
}

async function cold(root: string, queries: number): Promise<unknown> {
  const { pass } = openPass(root, queries, 0);
  const actions = [pass, () => readAll(root)];
  const [seconds, plain] = await takeTurns(rounds.cold, actions, () => dropFromCache(root));
  return { seconds, plain };
}

/** `dd` of coreutils asks the system to forget a file of which it copies nothing. */
function dropFromCache(root: string): void {
  const forget =
    'for file in "$0"/*; do dd if="$file" iflag=nocache count=0 status=none || exit; done';
  const { status, stderr } = spawnSync("sh", ["-c", forget, shardsFolder(root)]);
  if (status !== 0) {
    throw new Error(`The files cannot be dropped from the system's cache: ${stderr}`);
  }
}

async function memory(root: string, queries: number): Promise<unknown> {
  const { pass, examples } = openPass(root, queries, Number.MAX_SAFE_INTEGER);
  // The first pass fills the memory.
  await pass();
  const products = await plainProducts(examples, queries);
  const [seconds, ...plain] = await takeTurns(rounds.warm, [pass, ...products]);
  return { seconds, plain: Math.min(...plain) };
}

function openPass(root: string, queries: number, memoryLimit: number) {
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
    threads: availableParallelism(),
  });
  const query = float32([width, queries], new Float32Array(width * queries).fill(0.5));
  const options = {
    queries: [new Map([[queryInput, query]])],
    count: queries,
    aggregate: false,
  };
  const pass = async () => {
    let seen = 0;
    await reader.pass(options, ({ size }) => {
      seen += size;
    });
    if (seen !== examples) {
      throw new Error(`A pass saw ${seen} of ${examples} examples.`);
    }
  };
  return { pass, examples };
}

async function readAll(root: string): Promise<void> {
  const folder = shardsFolder(root);
  const buffer = new Uint8Array(readBytes);
  for (const name of readdirSync(folder).sort()) {
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
}

/**
 * Products over so many rows, [rows, width] x [width, queries], with one thread and with all. They are made of pieces of less than
 * 2 GiB that are the same numbers.
 */
async function plainProducts(rows: number, queries: number): Promise<(() => Promise<void>)[]> {
  const pieces = Math.ceil(rows / productRows);
  const size = Math.ceil(rows / pieces);
  const builder = new GraphBuilder();
  const a = builder.input({ name: "a", dtype: "float32", shape: [size, width] });
  const b = builder.input({ name: "b", dtype: "float32", shape: [width, queries] });
  const result = builder.matmul(a, b);
  builder.output({ name: result, dtype: "float32", shape: [size, queries] });
  const graph = builder.build();
  const feeds = new Map([
    ["a", float32([size, width], new Float32Array(size * width).fill(0.25))],
    ["b", float32([width, queries], new Float32Array(width * queries).fill(0.5))],
  ]);
  const counts = new Set([1, availableParallelism()]);
  return Promise.all(
    [...counts].map(async (threads) => {
      const program = await onnxruntimeEngine().compile(graph, { threads });
      return async () => {
        for (let piece = 0; piece < pieces; piece++) {
          await program.run(feeds);
        }
      };
    }),
  );
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
});
