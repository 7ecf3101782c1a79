import { readdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Project, trainingData } from "../config/project.ts";
import type { Engine } from "../engines/engine.ts";
import { referenceEngine } from "../engines/reference/engine.ts";
import { TracInError, throwIfAborted } from "../errors.ts";
import { bytesPerElement, sizeOf } from "../graph/tensor.ts";
import type { RunInput } from "../store/record.ts";
import type { ExampleRange } from "../tracin/chunks.ts";
import { type Profile, profiled } from "../tracin/profile.ts";
import type { Scorer } from "../tracin/scorer.ts";
import type { BlockJob, FinishedBlock } from "./blocks.ts";
import { filesOf } from "./blocks.ts";
import { namesKey, questionKey, settingsKey, tensorsKey } from "./keys.ts";
import {
  type IndexManifest,
  prepareIndexFolder,
  presentIndex,
  shardsFolder,
  writeManifest,
} from "./manifest.ts";
import { type IndexLayout, IndexPrograms } from "./programs.ts";
import { checkSettings, type IndexSettings, kindOf } from "./settings.ts";
import { clearPartials, indexPath, listShards } from "./shard.ts";

/** A build that can begin. */
export interface IndexBuild {
  readonly project: Project;
  readonly programs: IndexPrograms;
  readonly layout: IndexLayout;
  readonly job: BlockJob;
  /** Finished shards of this and other builds. */
  readonly finished: ReadonlySet<string>;
  readonly ranges: readonly ExampleRange[];
}

export interface BuildOptions {
  readonly project: Project;
  readonly scorer: Scorer;
  readonly engine: Engine;
  readonly settings: IndexSettings;
  /** Examples per block, by the sizes of a row unless told. */
  readonly blockRows?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly profile?: Profile | undefined;
}

/** Bytes of what a block keeps at one checkpoint, and of its examples as the graph takes them. */
const blockBytes = { kept: 16 * 2 ** 20, read: 64 * 2 ** 20 } as const;
const blockLimits = { least: 16, most: 4096 } as const;

/**
 * Prepares the build of an index: what each row holds, which blocks there are, and which shards of them are finished.
 *
 * @throws kind `config` for settings or projects that have no index, `store` when there is no room for it
 */
export async function startBuild(options: BuildOptions): Promise<IndexBuild> {
  const { project, scorer, engine, settings, signal } = options;
  checkSettings(settings);
  if (project.readPreconditioner !== undefined) {
    throw new TracInError(
      "config",
      "There is no index of preconditioned gradients.",
      {},
      'Leave "preconditioner" out of tracin.json, or compute without the index.',
    );
  }
  const programs = new IndexPrograms(engine, referenceEngine(), scorer.model);
  const layout = await programs.layout(kindOf(settings));
  const checkpoints: string[] = [];
  for (const checkpoint of project.checkpoints) {
    throwIfAborted(signal);
    checkpoints.push(
      await profiled(options.profile, "hashing", async () =>
        tensorsKey(await project.readWeights(checkpoint)),
      ),
    );
  }
  const folder = await prepareIndexFolder(project.root);
  await clearPartials(folder);
  const finished = await listShards(folder);
  const blockRows =
    options.blockRows ??
    (await rowsOfPresent(project, settings, layout)) ??
    rowsOfBlock(project, scorer, layout);
  const key = settingsKey(settings, scorer.model, engine.name);
  const job = { settings, key, checkpoints, blockRows, folder };
  await checkRoom(project, layout, job);
  const { length } = trainingData(project);
  const ranges = Array.from({ length: Math.ceil(length / blockRows) }, (_, block) => ({
    start: block * blockRows,
    end: Math.min(length, (block + 1) * blockRows),
  }));
  return { project, programs, layout, job, finished, ranges };
}

/** What a finished build is described with. */
export interface BuildFacts {
  readonly tracin: string;
  readonly layers: string;
  readonly parameters: readonly string[];
  /** Of model, checkpoints and training data; the configuration is not among them, as its rates may change. */
  readonly inputs: readonly RunInput[];
}

/**
 * Writes the manifest of a build whose blocks are finished, then removes shards that nothing refers to any more.
 *
 * @throws kind `store` when another build has removed some of them meanwhile
 */
export async function finishBuild(
  { project, programs, layout, job }: IndexBuild,
  blocks: readonly FinishedBlock[],
  facts: BuildFacts,
): Promise<IndexManifest> {
  const ordered = blocks
    .toSorted((a, b) => a.start - b.start)
    .map(({ computed: _, shards, ...block }) => ({ ...block, shards: [...shards] }));
  const { length } = trainingData(project);
  const manifest: IndexManifest = {
    version: 1,
    tracin: facts.tracin,
    created: new Date().toISOString(),
    settings: job.settings,
    question: questionKey(project, facts.parameters),
    engine: programs.engine.name,
    layers: facts.layers,
    parameters: [...facts.parameters],
    groups: layout.groups.map((names) => [...names]),
    exact: isExact(layout, job.settings),
    width: widthOf(layout),
    readings: layout.readings,
    margins: layout.margins,
    blockRows: job.blockRows,
    examples: length,
    checkpoints: project.checkpoints.map((checkpoint, index) => ({
      file: checkpoint.file,
      key: job.checkpoints[index] as string,
      names: namesKey(checkpoint),
    })),
    blocks: ordered,
    inputs: [...facts.inputs],
    bytes: length * project.checkpoints.length * bytesPerRow(layout, job.settings),
  };
  await checkComplete(job.folder, manifest);
  await writeManifest(project.root, manifest);
  await removeOthers(project.root, manifest);
  return manifest;
}

/** Builds of other settings that end while this one runs remove what they do not know. */
async function checkComplete(folder: string, { blocks }: IndexManifest): Promise<void> {
  const there = await listShards(folder);
  if (blocks.some(({ rows, shards }) => [rows, ...shards].some((key) => !there.has(key)))) {
    throw new TracInError(
      "store",
      "Files of the index were removed while it was built, as another build of this workspace does.",
      { file: indexPath },
      "Build one index at a time: what is left of this one is used.",
    );
  }
}

/** Removes shards of other settings, checkpoints and examples. */
async function removeOthers(root: string, manifest: IndexManifest): Promise<void> {
  const folder = shardsFolder(root);
  // A helper that was ended before this build may have been alive when it began.
  await clearPartials(folder);
  const ours = filesOf(manifest.blocks);
  for (const name of await readdir(folder)) {
    if (name.endsWith(".safetensors") && !ours.has(name)) {
      await rm(join(folder, name), { force: true });
    }
  }
}

/** Rows of a block of the present index, where it keeps the same: its shards are found again. */
async function rowsOfPresent(
  { root }: Project,
  settings: IndexSettings,
  layout: IndexLayout,
): Promise<number | undefined> {
  const present = await presentIndex(root);
  const isSame =
    present?.width === widthOf(layout) && isDeepStrictEqual(present.settings, settings);
  return isSame ? present.blockRows : undefined;
}

/** Numbers that are kept of each example and checkpoint. */
function widthOf({ tensors }: IndexLayout): number {
  return tensors.reduce((total, { shape }) => total + sizeOf(shape), 0);
}

/** Rows of a block, by what a row takes in memory: the same for every build of a model. */
function rowsOfBlock(project: Project, scorer: Scorer, layout: IndexLayout): number {
  const kept = layout.tensors.reduce(
    (total, { dtype, shape }) => total + bytesPerElement[dtype] * sizeOf(shape),
    0,
  );
  const read = project.model.graph.inputs.reduce(
    (total, { name }) => total + 4 * sizeOf(scorer.probed.typeAt(name, 1).shape),
    0,
  );
  const fitting = Math.min(blockBytes.kept / kept, blockBytes.read / Math.max(1, read));
  const rows = 2 ** Math.floor(Math.log2(Math.max(1, fitting)));
  return Math.max(blockLimits.least, Math.min(blockLimits.most, rows));
}

/** Whether an index gives exact scores: it keeps factors, or whole gradients that were not rounded. */
export function isExact({ sketch }: IndexLayout, settings: IndexSettings): boolean {
  return (
    settings.type === "factors" || (sketch?.isExact === true && settings.numbers === "float32")
  );
}

/** Bytes that an example takes at one checkpoint. */
export function bytesPerRow(layout: IndexLayout, settings: IndexSettings): number {
  const numbers = settings.type === "sketch" ? settings.numbers : "float32";
  const kept = layout.tensors.reduce(
    (total, { dtype, shape }) =>
      total + bytesPerElement[dtype === "float32" ? numbers : dtype] * sizeOf(shape),
    0,
  );
  const scale = numbers === "float32" ? 0 : 4;
  return kept + scale + 4 * (layout.groups.length + 1 + Number(layout.margins) + layout.readings);
}

/** Refuses a build that cannot fit on the disk, before anything is written. */
async function checkRoom(project: Project, layout: IndexLayout, job: BlockJob): Promise<void> {
  const { folder, settings } = job;
  const visits = trainingData(project).length * project.checkpoints.length;
  const names = await readdir(folder);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  const there = sizes.reduce((total, size) => total + size, 0);
  const wanted = visits * bytesPerRow(layout, settings) - there;
  const { bavail, bsize } = await statfs(folder);
  if (wanted > bavail * bsize) {
    const megabytes = (bytes: number) => Math.ceil(bytes / 1e6);
    throw new TracInError(
      "store",
      `The index takes ${megabytes(wanted)} MB more; the disk has room for ${megabytes(bavail * bsize)} MB.`,
      { file: indexPath },
      "Make room, choose a smaller sketch, or store its numbers as int8.",
    );
  }
}
