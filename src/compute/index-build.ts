import { version } from "../../package.json";
import { TracInError } from "../core/errors.ts";
import { BlockBuilder, type FinishedBlock } from "../core/index/blocks.ts";
import { finishBuild, type IndexBuild, startBuild } from "../core/index/build.ts";
import type { IndexManifest } from "../core/index/manifest.ts";
import type { IndexSettings } from "../core/index/settings.ts";
import { type Fingerprints, projectInputs } from "../core/store/inputs.ts";
import { profiled } from "../core/tracin/profile.ts";
import type { ScoreProgress } from "../core/tracin/scores.ts";
import type { Progress } from "../protocol/compute.ts";
import type { ScorerInUse } from "./scoring.ts";

export interface IndexBuildOptions {
  readonly settings: IndexSettings;
  /** Examples per block; by the sizes of a row unless told. */
  readonly blockRows?: number | undefined;
  readonly fingerprints: Fingerprints;
  readonly onProgress?: ((progress: ScoreProgress) => void) | undefined;
  readonly signal: AbortSignal;
}

/** A finished build. */
export interface BuiltIndex {
  readonly manifest: IndexManifest;
  /** Shards of examples at checkpoints, and those of them that were computed now. */
  readonly shards: number;
  readonly computed: number;
}

/**
 * Builds the index of a project, or what is missing of it: shards whose model, checkpoint and examples have not changed are
 * used as they are. Cancelled or killed, it goes on from the last finished shard the next time.
 */
export async function buildIndex(
  opened: ScorerInUse,
  options: IndexBuildOptions,
): Promise<BuiltIndex> {
  const { project, scorer, choice } = opened;
  const { profile } = opened.settings;
  const { signal, fingerprints } = options;
  const list = await projectInputs(project, ["train"]);
  const take = () =>
    profiled(profile, "hashing", () => fingerprints.take(project.root, list, signal));
  const before = await take();
  const build = await startBuild({
    project,
    scorer,
    engine: choice.engine,
    settings: options.settings,
    blockRows: options.blockRows,
    signal,
    profile,
  });
  const { programs } = build;
  try {
    const blocks = await shareBlocks(opened, build, options);
    const after = await take();
    if (JSON.stringify(after) !== JSON.stringify(before)) {
      throw new TracInError(
        "store",
        "An input changed while the index was built.",
        {},
        "Build it again: what is finished and has not changed is used.",
      );
    }
    const inputs = await profiled(profile, "hashing", () =>
      fingerprints.withContents(project.root, after, signal),
    );
    const manifest = await finishBuild(build, blocks, {
      tracin: version,
      layers: typeof opened.layers === "string" ? opened.layers : opened.layers.join(", "),
      parameters: scorer.parameters,
      inputs,
    });
    return {
      manifest,
      shards: blocks.reduce((sum, { shards }) => sum + shards.length, 0),
      computed: blocks.reduce((sum, { computed }) => sum + computed, 0),
    };
  } finally {
    await programs.dispose();
  }
}

/**
 * Computes the blocks in this process and in helpers, which take one after the other from one list and write what belongs
 * to them themselves.
 */
async function shareBlocks(
  { project, helpers, share, settings }: ScorerInUse,
  { ranges, job, programs, finished }: IndexBuild,
  options: IndexBuildOptions,
): Promise<readonly FinishedBlock[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const fail = (error: unknown) => failed.abort(error);
  const waiting = [...ranges];
  const next = () => (signal.aborted ? undefined : waiting.shift());
  const blocks: FinishedBlock[] = [];
  let finish = (): void => undefined;
  const all = new Promise<void>((resolve, reject) => {
    finish = resolve;
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  all.catch(() => undefined);
  const deliverBlock = (block: FinishedBlock) => {
    blocks.push(block);
    if (blocks.length === ranges.length) {
      finish();
    }
  };
  const total = (ranges.at(-1)?.end ?? 0) * project.checkpoints.length;
  const done = [0];
  const report = (worker: number, count: number) => {
    done[worker] = count;
    const sum = done.reduce((a, b) => a + b, 0);
    options.onProgress?.({ phase: "scoring", done: sum, total });
  };
  report(0, 0);
  const missing = ranges.length * project.checkpoints.length - finished.size;
  const count = Math.min(share.processes, ranges.length, missing) - 1;
  helpers.take(Math.max(0, count)).forEach((helper, index) => {
    const onProgress = (progress: ScoreProgress) => report(index + 1, progress.done);
    helper
      .build(job, { next, deliverBlock, onProgress }, signal)
      .catch((error: unknown) => blocks.length < ranges.length && fail(error));
  });
  try {
    const limit = share.memory / 2;
    const builder = await BlockBuilder.open(
      project,
      programs,
      job,
      finished,
      limit,
      settings.profile,
    );
    let own = 0;
    const onProgress = (more: number) => {
      own += more;
      report(0, own);
    };
    for (let range = next(); range !== undefined; range = next()) {
      deliverBlock(await builder.build(range.start, range.end, { onProgress, signal }));
    }
    if (ranges.length > 0) {
      await all;
    }
    if (done.length > 1) {
      options.onProgress?.({ phase: "scoring", done: total, total }); // helpers do not tell of every batch
    }
    return blocks;
  } catch (error) {
    fail(error);
    throw options.signal.aborted
      ? new TracInError("cancelled", "Cancelled.")
      : TracInError.from(failed.signal.reason);
  } finally {
    helpers.rest();
  }
}

/** Progress of a build with a sentence for the status line. */
export function buildProgress(progress: ScoreProgress): Progress {
  const percent = Math.floor((100 * progress.done) / Math.max(1, progress.total));
  return { ...progress, message: `Building the gradient index: ${percent}%` };
}
