import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { zipSync } from "fflate";

const SETS = ["train", "test"] as const;
const LABELS = ["setosa", "versicolor", "virginica"];

/** Rewrites the data of a copy of the iris sample in a format that an editor shows no text for. */
export type Rewrite = (folder: string) => Promise<void>;

export const toParquet: Rewrite = async (folder) => {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  for (const set of SETS) {
    const [from, to] = [`${set}.csv`, `${set}.parquet`].map((file) => path.join(folder, file));
    await connection.run(`COPY (FROM read_csv('${from}')) TO '${to}' (FORMAT parquet)`);
  }
  connection.closeSync();
  instance.closeSync();
  await configure(folder, (set) => ({ parquet: `${set}.parquet`, target: "species" }));
};

export const toNpz: Rewrite = async (folder) => {
  const entries: Record<string, Uint8Array> = {};
  for (const set of SETS) {
    const { x, y } = await arraysOf(folder, set);
    entries[`x_${set}.npy`] = npy("<f4", `(${y.length}, 4)`, new Uint8Array(x.buffer));
    entries[`y_${set}.npy`] = npy("|u1", `(${y.length},)`, y);
  }
  await writeFile(path.join(folder, "iris.npz"), zipSync(entries));
  await configure(
    folder,
    (set) => ({ npz: "iris.npz", fields: { x: `x_${set}`, y: `y_${set}` }, target: "y" }),
    { measurements: { array: "x" } },
  );
};

export const toIdx: Rewrite = async (folder) => {
  for (const set of SETS) {
    const { x, y } = await arraysOf(folder, set);
    await writeFile(path.join(folder, `${set}-x.idx`), idx(0x0d, [y.length, 4], swapped(x)));
    await writeFile(path.join(folder, `${set}-y.idx`), idx(0x08, [y.length], y));
  }
  await configure(
    folder,
    (set) => ({ idx: { x: `${set}-x.idx`, y: `${set}-y.idx` }, target: "y" }),
    { measurements: { array: "x" } },
  );
};

/** Puts other data, and other features, into tracin.json; the CSV files go. */
async function configure(
  folder: string,
  source: (set: string) => unknown,
  features?: unknown,
): Promise<void> {
  const file = path.join(folder, "tracin.json");
  const config = JSON.parse(await readFile(file, "utf8"));
  config.data = Object.fromEntries(SETS.map((set) => [set, source(set)]));
  config.features = features ?? config.features;
  await writeFile(file, JSON.stringify(config, undefined, 2));
  for (const set of SETS) {
    await rm(path.join(folder, `${set}.csv`));
  }
}

/** Measurements, standardised as the sample's are, and the numbers of the labels. */
async function arraysOf(folder: string, set: string): Promise<{ x: Float32Array; y: Uint8Array }> {
  const [train, rows] = await Promise.all([rowsOf(folder, "train"), rowsOf(folder, set)]);
  const scales = [0, 1, 2, 3].map((column) => {
    const values = train.map((row) => Number(row[column]));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return { mean, deviation: Math.sqrt(variance) };
  });
  return {
    x: Float32Array.from(
      rows.flatMap((row) =>
        scales.map(({ mean, deviation }, column) => (Number(row[column]) - mean) / deviation),
      ),
    ),
    y: Uint8Array.from(rows, (row) => LABELS.indexOf(row[4] ?? "")),
  };
}

async function rowsOf(folder: string, set: string): Promise<string[][]> {
  const lines = (await readFile(path.join(folder, `${set}.csv`), "utf8")).trim().split(/\r?\n/);
  return lines.slice(1).map((line) => line.split(","));
}

function npy(type: string, shape: string, data: Uint8Array): Uint8Array {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': ${shape}, }`;
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  return Buffer.concat([
    Buffer.from("\x93NUMPY\x01\x00", "latin1"),
    length,
    Buffer.from(padded),
    data,
  ]);
}

function idx(type: number, shape: readonly number[], data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.writeUInt8(type, 2);
  head.writeUInt8(shape.length, 3);
  for (const [axis, size] of shape.entries()) {
    head.writeUInt32BE(size, 4 + 4 * axis);
  }
  return Buffer.concat([head, data]);
}

/** Numbers with their bytes the other way round. */
function swapped(values: Float32Array): Uint8Array {
  return Buffer.from(values.buffer.slice(0)).swap32();
}
