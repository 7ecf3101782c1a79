import { access, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Dataset, Example } from "../../datasets/dataset.ts";
import { openDataset } from "../../datasets/open.ts";
import { TracInError } from "../../errors.ts";
import type { SourceConfig, TargetConfig } from "../config.ts";
import { labelFolders, maskedFolders, type WorkspaceFiles } from "./files.ts";

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
  for (const path of files.tables.slice(0, maximumCandidates)) {
    found.push(...(await attempt(() => lookAtTable(root, path))));
  }
  for (const path of labelFolders(files.images).slice(0, maximumCandidates)) {
    found.push(...(await attempt(() => lookAtFolder(root, path))));
  }
  for (const pair of maskedFolders(files.images).slice(0, maximumCandidates)) {
    found.push(...(await attempt(() => lookAtMasks(root, pair))));
  }
  for (const pair of arrayPairs(files.arrays).slice(0, maximumCandidates)) {
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

interface ArrayPair {
  readonly inputs: string;
  readonly targets: string;
}

async function lookAtArrays(root: string, pair: ArrayPair): Promise<DataCandidate> {
  const npy = { x: pair.inputs, y: pair.targets };
  const dataset = await openDataset("look", { npy, target: "y" }, root);
  try {
    const x = await dataset.array?.("x", 0, 1);
    const y = await dataset.array?.("y", 0, 1);
    return {
      path: pair.inputs,
      kind: "arrays",
      split: splitOf(pair.inputs),
      columns: dataset.columns,
      examples: [],
      length: dataset.length,
      shapes: { x: x?.shape.slice(1) ?? [], y: y?.shape.slice(1) ?? [] },
      source: () => ({ npy, target: "y" }),
    };
  } finally {
    await dataset.close();
  }
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

/** `x_train.npy` with `y_train.npy`, `images.npy` with `labels.npy`, and so on. */
function arrayPairs(arrays: readonly string[]): ArrayPair[] {
  const role = /(^|[_.-])(x|features?|images?|data|inputs?)(?=$|[_.-])/i;
  return arrays.flatMap((inputs) => {
    const [folder, name] = [posix.dirname(inputs), posix.basename(inputs, ".npy")];
    if (!role.test(name)) {
      return [];
    }
    const targets = ["y", "labels", "label", "targets", "target"]
      .map((word) => posix.join(folder, `${name.replace(role, `$1${word}`)}.npy`))
      .find((file) => arrays.some((other) => other.toLowerCase() === file.toLowerCase()));
    const actual = arrays.find((other) => other.toLowerCase() === targets?.toLowerCase());
    return actual === undefined ? [] : [{ inputs, targets: actual }];
  });
}

function splitOf(path: string): "train" | "test" | undefined {
  if (/(^|[/._-])train/i.test(path) || /[_-](train|training)\b/i.test(path)) {
    return "train";
  }
  return /(^|[/._-])(test|val|valid|validation|dev|eval|holdout)(?=$|[/._-])/i.test(path)
    ? "test"
    : undefined;
}
