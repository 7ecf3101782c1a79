import { version } from "../../package.json";
import { TracInError } from "../core/errors.ts";
import { BlockBuilder, type FinishedBlock } from "../core/index/blocks.ts";
import { finishBuild, startBuild } from "../core/index/build.ts";
import type { IndexManifest } from "../core/index/manifest.ts";
import type { IndexSettings } from "../core/index/settings.ts";
import { indexInputs } from "../core/index/state.ts";
import type { Fingerprints } from "../core/store/inputs.ts";
import type { ScoreProgress } from "../core/tracin/scores.ts";
import type { Progress } from "../protocol/compute.ts";
import type { ScorerInUse } from "./scoring.ts";
import { memoryPerProcess } from "./settings.ts";

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
  const { project, scorer, choice, settings } = opened;
  const { signal, fingerprints } = options;
  const report = (done: number, total: number) =>
    options.onProgress?.({ phase: "scoring", done, total });
  const list = await indexInputs(project, opened.config);
  const before = await fingerprints.take(project.root, list, signal);
  const build = await startBuild({
    project,
    scorer,
    engine: choice.engine,
    settings: options.settings,
    blockRows: options.blockRows,
    signal,
  });
  const { ranges, job, programs, finished } = build;
  try {
    const total = (ranges.at(-1)?.end ?? 0) * project.checkpoints.length;
    let done = 0;
    report(done, total);
    const builder = await BlockBuilder.open(
      project,
      programs,
      job,
      finished,
      memoryPerProcess(settings) / 2,
    );
    const blocks: FinishedBlock[] = [];
    for (const { start, end } of ranges) {
      const onProgress = (more: number) => {
        done += more;
        report(done, total);
      };
      blocks.push(await builder.build(start, end, { onProgress, signal }));
    }
    const after = await fingerprints.take(project.root, list, signal);
    if (JSON.stringify(after) !== JSON.stringify(before)) {
      throw new TracInError(
        "store",
        "An input changed while the index was built.",
        {},
        "Build it again: what is finished and has not changed is used.",
      );
    }
    const manifest = await finishBuild(build, blocks, {
      tracin: version,
      layers: typeof opened.layers === "string" ? opened.layers : opened.layers.join(", "),
      parameters: scorer.parameters,
      inputs: after,
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

/** Progress of a build with a sentence for the status line. */
export function buildProgress(progress: ScoreProgress): Progress {
  const percent = Math.floor((100 * progress.done) / Math.max(1, progress.total));
  return { ...progress, message: `Building the gradient index: ${percent}%` };
}
