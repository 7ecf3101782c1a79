import { access, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Dataset, Example } from "../../datasets/dataset.ts";
import { openDataset } from "../../datasets/open.ts";
import { ParquetDataset } from "../../datasets/readers/parquet/dataset.ts";
import { TracInError } from "../../errors.ts";
import type { SourceConfig, TargetConfig } from "../config.ts";
import { arrayPairs, lookAtArrays } from "./arrays.ts";
import { labelFolders, maskedFolders, splitOf, type WorkspaceFiles } from "./files.ts";

/** Data that could be a dataset, with a look at its first examples. */
export interface DataCandidate {
  /** The file or folder. */
  readonly path: string;
  readonly kind: "table" | "images" | "arrays";
  readonly split: "train" | "test" | undefined;
  readonly columns: readonly string[];
  readonly examples: readonly Example[];
  readonly length: number;
  /** Column with image paths, for manifests. */
  readonly imageColumn?: string;
  /** Shapes of array fields without the example axis. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Whether the array "x" holds images of 8-bit samples. */
  readonly samples?: boolean;
  /** Folder with a mask for each image. */
  readonly masks?: string;
  /** The entry of `data`, once the target is known. */
  source(target: TargetConfig): SourceConfig;
}

const maximumCandidates = 60;
/** Larger tables are not looked into; the person names them. */
const maximumBytes = 512 * 2 ** 20;
const looked = 500;

/** Finds tables, image manifests, folders of labels and arrays. What cannot be read is left out. */
export async function findDatasets(root: string, files: WorkspaceFiles): Promise<DataCandidate[]> {
  const found: DataCandidate[] = [];
  const isParquet = (path: string) => /\.parquet$/i.test(path);
  for (const path of files.tables.filter((file) => !isParquet(file)).slice(0, maximumCandidates)) {
    found.push(...(await attempt(() => lookAtTable(root, path))));
  }
  for (const shards of joinShards(files.tables.filter(isParquet)).slice(0, maximumCandidates)) {
    found.push(...(await attempt(() => lookAtParquet(root, shards))));
  }
  for (const path of labelFolders(files.images).slice(0, maximumCandidates)) {
    found.push(...(await attempt(() => lookAtFolder(root, path))));
  }
  for (const pair of maskedFolders(files.images).slice(0, maximumCandidates)) {
    found.push(...(await attempt(() => lookAtMasks(root, pair))));
  }
  for (const pair of (await arrayPairs(root, files)).slice(0, maximumCandidates)) {
    found.push(...(await attempt(() => lookAtArrays(root, pair))));
  }
  return found;
}

async function attempt(look: () => Promise<DataCandidate | undefined>): Promise<DataCandidate[]> {
  try {
    const candidate = await look();
    return candidate ? [candidate] : [];
  } catch (error) {
    if (error instanceof TracInError) {
      return [];
    }
    throw error;
  }
}

async function lookAtTable(root: string, path: string): Promise<DataCandidate | undefined> {
  if ((await stat(join(root, path))).size > maximumBytes) {
    return undefined;
  }
  const jsonl = /\.(jsonl|ndjson)$/i.test(path);
  const plain = (target: TargetConfig): SourceConfig =>
    jsonl ? { jsonl: path, target } : { csv: path, target };
  let seen = await look(root, plain([]));
  let table = plain;
  const [header = ""] = seen.columns;
  if (!jsonl && seen.columns.length === 1 && header.includes(";")) {
    table = (target) => ({ csv: path, delimiter: ";", target });
    seen = await look(root, table([]));
  }
  const imageColumn = await findImageColumn(root, path, seen);
  if (imageColumn === undefined) {
    return { path, kind: "table", split: splitOf(path), ...seen, source: table };
  }
  return {
    path,
    kind: "images",
    split: splitOf(path),
    ...seen,
    imageColumn,
    source: (target) => ({ images: path, path: imageColumn, target }),
  };
}

/** Files of one Parquet dataset: Hugging Face datasets number them, `train-00000-of-00002.parquet`. */
function joinShards(files: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const key = file.replace(/-\d+-of-(\d+)\.parquet$/i, "-of-$1.parquet");
    groups.set(key, [...(groups.get(key) ?? []), file].sort());
  }
  return [...groups.values()];
}

async function lookAtParquet(root: string, shards: string[]): Promise<DataCandidate> {
  const [path = ""] = shards;
  const parquet = shards.length === 1 ? path : shards;
  const source = (target: TargetConfig): SourceConfig => ({ parquet, target });
  const dataset = await openDataset("look", source([]), root);
  try {
    const seen = {
      columns: dataset.columns,
      examples: await spread(dataset, looked),
      length: dataset.length,
    };
    const image = dataset instanceof ParquetDataset ? dataset.image?.name : undefined;
    const split = splitOf(path);
    return image === undefined
      ? { path, kind: "table", split, ...seen, source }
      : { path, kind: "images", split, ...seen, imageColumn: image, source };
  } finally {
    await dataset.close();
  }
}

async function lookAtFolder(root: string, path: string): Promise<DataCandidate> {
  const source = (): SourceConfig => ({ images: path });
  const seen = await look(root, source());
  return { path, kind: "images", split: splitOf(path), ...seen, source };
}

async function lookAtMasks(
  root: string,
  { images, masks }: { readonly images: string; readonly masks: string },
): Promise<DataCandidate> {
  const source = (target: TargetConfig): SourceConfig => ({
    images,
    // Of the options for masks, the folder is that of this dataset.
    target: typeof target === "object" && "masks" in target ? { ...target, masks } : { masks },
  });
  const seen = await look(root, source({ masks }));
  return { path: images, kind: "images", split: splitOf(images), ...seen, masks, source };
}

async function look(root: string, source: SourceConfig) {
  const dataset = await openDataset("look", source, root);
  try {
    return {
      columns: dataset.columns,
      examples: await spread(dataset, looked),
      length: dataset.length,
    };
  } finally {
    await dataset.close();
  }
}

/** Some examples from the start, the middle and the end: files are often sorted by label. */
export async function spread(dataset: Dataset, count: number): Promise<Example[]> {
  const part = Math.ceil(Math.min(count, dataset.length) / 3);
  const starts = new Set([0, Math.floor((dataset.length - part) / 2), dataset.length - part]);
  const examples = new Map<number, Example>();
  for (const start of starts) {
    const from = Math.max(0, start);
    for (const example of await dataset.read(from, Math.min(dataset.length, from + part))) {
      examples.set(example.index, example);
    }
  }
  return [...examples.values()];
}

async function findImageColumn(
  root: string,
  path: string,
  { columns, examples }: { columns: readonly string[]; examples: readonly Example[] },
): Promise<string | undefined> {
  for (const column of columns) {
    const value = examples[0]?.fields[column];
    if (typeof value === "string" && /\.(png|jpe?g)$/i.test(value) && !value.includes("\0")) {
      const image = posix.join(posix.dirname(path), value.replaceAll("\\", "/"));
      if (!image.startsWith("../") && (await exists(join(root, image)))) {
        return column;
      }
    }
  }
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
