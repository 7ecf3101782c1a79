import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { SourceConfig, TargetConfig } from "../config/config.ts";
import { sourceFiles } from "../config/load.ts";
import { TracInError } from "../errors.ts";
import { type InsidePath, resolveExisting } from "../paths.ts";
import type { Dataset } from "./dataset.ts";
import { requireColumn } from "./field.ts";
import { type ArrayFields, ArraysDataset } from "./readers/arrays.ts";
import { CsvDataset } from "./readers/csv.ts";
import { openIdx } from "./readers/idx.ts";
import { ImageFolder } from "./readers/image-folder.ts";
import { ImageManifest, type MaskPlace } from "./readers/image-manifest.ts";
import { JsonlDataset } from "./readers/jsonl.ts";
import { NpyFile } from "./readers/npy.ts";
import { NpzArchive } from "./readers/npz.ts";
import { ParquetDataset } from "./readers/parquet/dataset.ts";

/**
 * Opens one entry of `data` in `tracin.json`.
 *
 * @param name key of the entry: `train`, `test`, ...
 * @param root absolute folder that holds `tracin.json`; every path is relative to it and stays inside
 * @param memoryLimit bytes that a reader may hold beyond what it is asked for
 * @throws TracInError kind `data` naming file and line for whatever cannot be read, or a missing column
 */
export async function openDataset(
  name: string,
  source: SourceConfig,
  root: string,
  memoryLimit?: number,
): Promise<Dataset> {
  const dataset = await openSource(name, source, resolve(root), memoryLimit);
  try {
    for (const column of dataset.target) {
      requireColumn(dataset, column);
    }
    return dataset;
  } catch (error) {
    await dataset.close();
    throw error;
  }
}

async function openSource(
  name: string,
  source: SourceConfig,
  root: string,
  memoryLimit: number | undefined,
): Promise<Dataset> {
  if ("csv" in source) {
    const path = await resolveExisting(root, source.csv);
    return CsvDataset.open(name, path, targetColumns(source.target), source.delimiter);
  }
  if ("jsonl" in source) {
    return JsonlDataset.open(
      name,
      await resolveExisting(root, source.jsonl),
      targetColumns(source.target),
    );
  }
  if ("parquet" in source) {
    return ParquetDataset.open(name, root, sourceFiles(source), targetColumns(source.target), {
      image: source.image,
      memoryLimit,
    });
  }
  if ("npy" in source || "npz" in source || "idx" in source) {
    return ArraysDataset.open(name, await arrayFields(source, root), targetColumns(source.target));
  }
  const path = await resolveExisting(root, source.images);
  const target = targetColumns(source.target ?? "label");
  const masks = await maskPlace(root, source.target);
  if ((await stat(path.absolute)).isDirectory()) {
    const folder = masks && "folder" in masks ? masks.folder : undefined;
    return ImageFolder.open(name, root, path, target, folder);
  }
  const table = await openManifest(name, path, target);
  try {
    return await ImageManifest.open(root, table, source.path ?? "file", masks);
  } catch (error) {
    await table.close();
    throw error;
  }
}

async function arrayFields(
  source: Extract<
    SourceConfig,
    { image?: string | undefined } & ({ npy: object } | { npz: string } | { idx: object })
  >,
  root: string,
): Promise<ArrayFields> {
  const { image } = source;
  if ("npz" in source) {
    const archive = await NpzArchive.open(await resolveExisting(root, source.npz));
    return {
      places: source.fields,
      image,
      open: (field, array) => archive.array(field, array),
      close: () => archive.close(),
    };
  }
  const open = "npy" in source ? NpyFile.open : openIdx;
  return {
    places: "npy" in source ? source.npy : source.idx,
    image,
    open: async (_, path) => {
      const inside = await resolveExisting(root, path);
      return open(inside.absolute, inside.relative);
    },
  };
}

async function openManifest(
  name: string,
  path: InsidePath,
  target: readonly string[],
): Promise<Dataset> {
  if (/\.(jsonl|ndjson)$/i.test(path.relative)) {
    return JsonlDataset.open(name, path, target);
  }
  if (/\.(csv|tsv|tab|txt)$/i.test(path.relative)) {
    return CsvDataset.open(name, path, target);
  }
  throw new TracInError(
    "data",
    "The manifest of images is neither a CSV, TSV nor JSONL file.",
    { file: path.relative },
    "Name a manifest that ends in .csv, .tsv or .jsonl, or a folder with one folder per label.",
  );
}

/** Where the masks are, for targets that are masks. */
async function maskPlace(
  root: string,
  target: TargetConfig | undefined,
): Promise<MaskPlace | undefined> {
  if (typeof target !== "object" || Array.isArray(target)) {
    return undefined;
  }
  if ("masks" in target) {
    return { folder: (await resolveExisting(root, target.masks)).relative };
  }
  return "mask" in target ? { column: target.mask } : undefined;
}

/** The columns that hold a target. */
function targetColumns(target: TargetConfig | undefined): readonly string[] {
  if (target === undefined || typeof target === "string") {
    return target === undefined ? [] : [target];
  }
  if (Array.isArray(target)) {
    return target;
  }
  return "perToken" in target ? [target.perToken] : "mask" in target ? [target.mask] : [];
}
