import { referenceEngine } from "../core/engines/reference/engine.ts";
import { TracInError } from "../core/errors.ts";
import { isExact } from "../core/index/build.ts";
import type { IndexManifest } from "../core/index/manifest.ts";
import { type IndexLayout, IndexPrograms } from "../core/index/programs.ts";
import { IndexReader, type OpenIndex } from "../core/index/reader.ts";
import { kindOf } from "../core/index/settings.ts";
import type { Scorer } from "../core/tracin/scorer.ts";
import type { ScorerInUse } from "./scoring.ts";

/** The index that each scorer was asked with last, with its programs and, where they fit, its numbers in memory. */
const openIndices = new WeakMap<Scorer, OpenIndex>();

/** @throws kind `store` where an index says other things of itself than the model makes of its settings */
function checkFit(manifest: IndexManifest, layout: IndexLayout): void {
  const fits =
    JSON.stringify(manifest.groups) === JSON.stringify(layout.groups) &&
    manifest.readings === layout.readings &&
    manifest.margins === layout.margins &&
    manifest.exact === isExact(layout, manifest.settings);
  if (!fits) {
    throw new TracInError(
      "store",
      "The index does not hold what its settings say for this model.",
      { file: ".tracin/index/index.json" },
      "Build it again: finished shards are used.",
    );
  }
}

/** Opens an index of a project; it stays open until another one is, or the scorer is closed. */
export async function openIndex(opened: ScorerInUse, manifest: IndexManifest): Promise<OpenIndex> {
  const { project, scorer, settings, choice } = opened;
  const known = openIndices.get(scorer);
  if (known?.manifest.created === manifest.created) {
    return known;
  }
  await closeIndex(scorer);
  const programs = new IndexPrograms(choice.engine, referenceEngine(), scorer.model);
  const layout = await programs.layout(kindOf(manifest.settings));
  checkFit(manifest, layout);
  const reader = new IndexReader({
    root: project.root,
    manifest,
    layout,
    programs,
    checkpoints: project.checkpoints,
    memoryLimit: settings.memoryLimit / 4,
    threads: settings.processes,
    profile: settings.profile,
  });
  const index = { manifest, layout, programs, reader };
  openIndices.set(scorer, index);
  return index;
}

/** Closes the index of a scorer, if one is open. */
export async function closeIndex(scorer: Scorer): Promise<void> {
  const known = openIndices.get(scorer);
  openIndices.delete(scorer);
  await known?.programs.dispose();
}
