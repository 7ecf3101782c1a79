import { isDeepStrictEqual } from "node:util";
import { trainingData } from "../core/config/project.ts";
import { referenceEngine } from "../core/engines/reference/engine.ts";
import { bytesPerRow, isExact } from "../core/index/build.ts";
import { numberTypes } from "../core/index/number-type.ts";
import { IndexPrograms } from "../core/index/programs.ts";
import { defaultSettings, type IndexSettings, kindOf } from "../core/index/settings.ts";
import { indexState } from "../core/index/state.ts";
import type { Fingerprints } from "../core/store/inputs.ts";
import type { IndexChoice, IndexPlan } from "../protocol/gradient-index.ts";
import type { ScorerInUse } from "./scoring.ts";

/** The index of a project as it is, and the ways in which it could be built. */
export async function planIndex(
  { project, scorer, choice }: ScorerInUse,
  fingerprints: Fingerprints,
): Promise<IndexPlan> {
  const programs = new IndexPrograms(choice.engine, referenceEngine(), scorer.model);
  const visits = trainingData(project).length * project.checkpoints.length;
  // A damaged index is no reason not to build another one.
  const state = await indexState(project, scorer.parameters, fingerprints).catch(
    (error: unknown) => ({
      kind: "stale" as const,
      manifest: undefined,
      reasons: [error instanceof Error ? error.message : String(error)],
    }),
  );
  const current = state.kind === "none" ? undefined : state.manifest?.settings;
  const usual: readonly IndexSettings[] = [
    ...numberTypes.map((numbers) => ({ ...defaultSettings, numbers })),
    { type: "factors" },
  ];
  // Other sizes come from the command line.
  const isUsual = usual.some((settings) => isDeepStrictEqual(settings, current));
  const ways = current === undefined || isUsual ? usual : [current, ...usual];
  const choices = await Promise.all(
    ways.map(async (settings): Promise<IndexChoice> => {
      const layout = await programs.layout(kindOf(settings));
      const exact = isExact(layout, settings);
      return { settings, exact, bytes: visits * bytesPerRow(layout, settings) };
    }),
  );
  return {
    state: state.kind,
    reasons: state.kind === "stale" ? state.reasons : [],
    current,
    choices,
  };
}
