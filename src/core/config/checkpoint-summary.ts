import type { ProjectCheckpoint } from "./project.ts";

/** Parameters that share a learning rate. */
export interface RateGroup {
  readonly learningRate: number;
  readonly parameters: readonly string[];
}

/** What is told and kept of a checkpoint: how it weighs, and what to look at. */
export type CheckpointFacts = Omit<ProjectCheckpoint, "names" | "files" | "parameterRates"> & {
  /** Where parameters have different rates. */
  readonly groups?: readonly RateGroup[];
};

/** The facts of a checkpoint as plain values. */
export function checkpointFacts(checkpoint: ProjectCheckpoint): CheckpointFacts {
  const { names: _names, files: _files, parameterRates, ...facts } = checkpoint;
  if (parameterRates === undefined) {
    return facts;
  }
  const groups = new Map<number, string[]>();
  for (const [name, rate] of parameterRates) {
    groups.set(rate, [...(groups.get(rate) ?? []), name]);
  }
  return {
    ...facts,
    groups: [...groups].map(([learningRate, parameters]) => ({ learningRate, parameters })),
  };
}
