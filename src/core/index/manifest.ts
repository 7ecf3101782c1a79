import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { counted } from "../counted.ts";
import { hasCode, TracInError } from "../errors.ts";
import { resolveInside } from "../paths.ts";
import { notWritable, prepareFolder, readSmallFile } from "../store/folder.ts";
import { inputSchema } from "../store/record.ts";
import { checkSettings } from "./settings.ts";
import { indexPath } from "./shard.ts";

const key = z.string().regex(/^[0-9a-f]{40}$/);
const count = z.int().nonnegative();

const settings = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("sketch"),
    size: z.int().positive(),
    numbers: z.enum(["float32", "float16", "int8"]),
    seed: z.int(),
  }),
  z.object({ type: z.literal("factors") }),
]);

const manifestVersion = 1;

const manifestSchema = z.object({
  version: z.literal(manifestVersion),
  /** Version of TracIn that wrote it. */
  tracin: z.string(),
  /** ISO 8601. */
  created: z.iso.datetime(),
  settings,
  /** Key of the parameters, loss, features and data; see {@link questionKey}. */
  question: key,
  engine: z.string(),
  layers: z.string(),
  parameters: z.array(z.string()),
  /** Parameters of each group of sites: the columns of the tensor `self`. */
  groups: z.array(z.array(z.string())),
  /** Whether products of what is kept are exact. */
  exact: z.boolean(),
  /** Numbers per example and checkpoint, and of its prediction. */
  width: count,
  readings: count,
  /** Whether labels have margins. */
  margins: z.boolean(),
  /** Examples in each block but the last. */
  blockRows: z.int().positive(),
  examples: count,
  checkpoints: z.array(
    z.object({
      file: z.string(),
      /** Of its weights. */
      key,
      /** Of the names of its tensors. */
      names: key,
    }),
  ),
  blocks: z.array(
    z.object({
      start: count,
      size: z.int().positive(),
      /** The shard with the places of the examples, and one for each checkpoint. */
      rows: key,
      shards: z.array(key),
    }),
  ),
  /** Fingerprints of model, checkpoints and data. */
  inputs: z.array(inputSchema),
  /** Of all shards. */
  bytes: count,
});

/** What `index.json` holds. */
export type IndexManifest = z.infer<typeof manifestSchema>;
/** Consecutive examples with the keys of their shards. */
export type IndexBlock = IndexManifest["blocks"][number];

const manifestFile = "index.json";
/** A million examples in blocks of 16 with ten checkpoints have 30 MB. */
const mostBytes = 256 * 2 ** 20;

/** Creates the folder of the index and returns that of its shards. Throws kind `store` when it cannot be written. */
export async function prepareIndexFolder(root: string): Promise<string> {
  try {
    await prepareFolder(root);
    const folder = await resolveInside(root, indexPath);
    await mkdir(folder, { recursive: true });
    return folder;
  } catch (error) {
    throw notWritable(error);
  }
}

/** Absolute path of the shards. */
export function shardsFolder(root: string): string {
  return join(root, indexPath);
}

/**
 * The index of a workspace; undefined where there is none.
 *
 * @throws kind `store` when it is damaged
 */
export async function readManifest(root: string): Promise<IndexManifest | undefined> {
  const file = `.tracin/index/${manifestFile}`;
  let text: string;
  try {
    text = await readSmallFile(await resolveInside(root, file), mostBytes);
  } catch (error) {
    if (hasCode(error, "ENOENT")) {
      return undefined;
    }
    throw TracInError.from(error);
  }
  try {
    const json: unknown = JSON.parse(text);
    checkVersion(json);
    const manifest = manifestSchema.parse(json);
    if (manifest.settings.type === "sketch") {
      checkSettings(manifest.settings);
    }
    checkBlocks(manifest);
    await resolveInside(root, indexPath);
    return manifest;
  } catch (error) {
    throw new TracInError(
      "store",
      `The index cannot be used: ${error instanceof Error ? error.message : error}`,
      { file },
      "Build it again: finished shards are used.",
      { cause: error },
    );
  }
}

/** The index of a workspace, for a build: one that is damaged counts as none. */
export async function presentIndex(root: string): Promise<IndexManifest | undefined> {
  return readManifest(root).catch(() => undefined);
}

/** Another version may hold anything. */
function checkVersion(json: unknown): void {
  const version = typeof json === "object" && json !== null && "version" in json && json.version;
  if (typeof version === "number" && version !== manifestVersion) {
    throw new Error(
      `it is of version ${version}, and version ${manifestVersion} is read; another version of TracIn has written it`,
    );
  }
}

/** Blocks follow each other and have a shard for each checkpoint. */
function checkBlocks({ blocks, examples, checkpoints, blockRows }: IndexManifest): void {
  let end = 0;
  for (const { start, size, shards } of blocks) {
    if (start !== end || size > blockRows || shards.length !== checkpoints.length) {
      throw new Error(`the block at example ${start} does not follow the one before`);
    }
    end = start + size;
  }
  if (end !== examples) {
    throw new Error(`its blocks hold ${end} of ${counted(examples, "example")}`);
  }
}

/** Writes the manifest, whole or not at all. */
export async function writeManifest(root: string, manifest: IndexManifest): Promise<void> {
  const folder = await resolveInside(root, ".tracin/index");
  const path = join(folder, manifestFile);
  const aside = join(folder, `.${manifestFile}.${process.pid}.partial`);
  try {
    const handle = await open(aside, "w");
    try {
      await handle.writeFile(`${JSON.stringify(manifest)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined);
    throw notWritable(error);
  }
}
