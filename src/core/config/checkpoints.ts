import type { Checkpoint } from "../checkpoints/checkpoint.ts";
import { findCheckpoints } from "../checkpoints/discover.ts";
import {
  type Match,
  type MatchOptions,
  matchCheckpoint,
  matchCheckpoints,
} from "../checkpoints/match.ts";
import { openCheckpoint } from "../checkpoints/open.ts";
import { OptimizerEntries, type Series } from "../checkpoints/parameters.ts";
import { checkPreconditioner, readPreconditioner } from "../checkpoints/preconditioner.ts";
import { type ResolvedRate, resolveLearningRates } from "../checkpoints/rates.ts";
import {
  copyWarnings,
  type Division,
  optimizerWarnings,
  paddingWarnings,
  surplusWarnings,
  unchangedWarnings,
} from "../checkpoints/trained.ts";
import { TracInError } from "../errors.ts";
import { formatShape, sameShape, type Tensor } from "../graph/tensor.ts";
import type { Model, ModelWeight } from "../models/model.ts";
import { resolveInside } from "../paths.ts";
import { matches } from "../tracin/layers.ts";
import type { Config } from "./config.ts";
import type { ProjectCheckpoint } from "./project.ts";

/** The checkpoints that a configuration names, matched with its model. */
export class CheckpointFiles {
  private readonly matching: MatchOptions;

  constructor(
    /** Absolute. */
    private readonly root: string,
    private readonly config: Config,
    private readonly model: Model,
  ) {
    this.matching = { prefix: config.checkpoints.prefix, optional: this.frozenTest() };
  }

  /** Opens all of them, checks that they fit the model, and settles how each weighs. */
  async open(): Promise<Division & { readonly checkpoints: readonly ProjectCheckpoint[] }> {
    const opened: Checkpoint[] = [];
    try {
      const files = await findCheckpoints(this.root, this.config.checkpoints.files);
      const results = await Promise.allSettled(files.map((file) => this.openFile(file)));
      opened.push(...results.flatMap((each) => (each.status === "fulfilled" ? [each.value] : [])));
      const failed = results.find((each) => each.status === "rejected");
      if (failed !== undefined) {
        throw failed.reason;
      }
      const matched = matchCheckpoints(this.model, opened, this.matching);
      const rates = resolveLearningRates(this.config.checkpoints, opened);
      const division = this.divide(matched[0]);
      const { parameters } = division;
      const ofSeries = [
        ...(await paddingWarnings(this.model, parameters, opened, matched)),
        ...(await unchangedWarnings(this.model, parameters, opened, matched)),
      ];
      const checkpoints: ProjectCheckpoint[] = [];
      for (const [index, checkpoint] of opened.entries()) {
        const [match, rate] = [matched[index], rates[index]];
        if (match === undefined || rate === undefined) {
          continue;
        }
        const described = this.describe(checkpoint, match, rate, division);
        // What all checkpoints have in common is told once.
        const isNew = index === 0 || !isSameSurplus(match, matched[index - 1]);
        const series = [
          ...(isNew ? [...copyWarnings(match), ...(await surplusWarnings(checkpoint, match))] : []),
          ...(index === 0 ? ofSeries : []),
        ];
        checkpoints.push({ ...described, warnings: [...described.warnings, ...series] });
      }
      return { checkpoints, ...division };
    } finally {
      await Promise.allSettled(opened.map((checkpoint) => checkpoint.close()));
    }
  }

  /** The weights (parameters and buffers) of one checkpoint, by the model's names. */
  async readWeights({ file, names }: ProjectCheckpoint): Promise<ReadonlyMap<string, Tensor>> {
    const opened = await this.openFile(file);
    try {
      const weights = new Map<string, Tensor>();
      for (const { name, shape } of this.model.weights) {
        const stored = names.get(name);
        if (stored === undefined) {
          continue;
        }
        const tensor = await opened.read(stored);
        // The file may have been replaced since it was matched.
        if (!sameShape(tensor.shape, shape)) {
          throw new TracInError(
            "checkpoint",
            `The tensor has the shape ${formatShape(tensor.shape)}, but the model's has ${formatShape(shape)}.`,
            { file, tensor: stored },
          );
        }
        weights.set(name, tensor);
      }
      return weights;
    } finally {
      await opened.close();
    }
  }

  /** See {@link readPreconditioner}. */
  async readPreconditioner(
    { file }: ProjectCheckpoint,
    parameters: readonly string[],
  ): Promise<ReadonlyMap<string, Tensor>> {
    const opened = await this.openFile(file);
    try {
      const match = matchCheckpoint(this.model, opened, this.matching);
      return await readPreconditioner(this.series(opened, match), parameters);
    } finally {
      await opened.close();
    }
  }

  private async openFile(file: string): Promise<Checkpoint> {
    return openCheckpoint(await resolveInside(this.root, file), file, this.model.training);
  }

  private series(checkpoint: Checkpoint, match: Match): Series {
    const { groups } = this.config.checkpoints;
    return { model: this.model, checkpoint, match, groups };
  }

  private describe(
    checkpoint: Checkpoint,
    match: Match,
    { groupRates, ...rate }: ResolvedRate,
    division: Division,
  ): ProjectCheckpoint {
    const series = this.series(checkpoint, match);
    const rates = groupRates && parameterRates(series, groupRates, division.parameters);
    const isPreconditioned = this.config.checkpoints.preconditioner === "from-file";
    if (isPreconditioned) {
      checkPreconditioner(series, this.counted(division.parameters));
    }
    const { algorithm, settingsFrom } = checkpoint.optimizer ?? {};
    return {
      file: checkpoint.file,
      ...rate,
      ...(rates === undefined ? {} : { parameterRates: rates.byName }),
      ...(checkpoint.files === undefined ? {} : { files: checkpoint.files }),
      prefix: shownPrefix(match),
      ...(match.surplus.length === 0 ? {} : { surplus: match.surplus }),
      ...(match.constants.length === 0 ? {} : { missing: match.constants }),
      warnings: [
        ...(checkpoint.warnings ?? []),
        ...rate.warnings,
        ...optimizerWarnings(series, division),
        ...(isPreconditioned && settingsFrom !== undefined
          ? [
              `The file holds the optimizer's state without its settings; those of ${algorithm} in ${settingsFrom} are used.`,
            ]
          : []),
        ...(rates?.warnings ?? []),
      ],
      names: match.names,
      ...(checkpoint.step === undefined ? {} : { step: checkpoint.step }),
      ...(checkpoint.epoch === undefined ? {} : { epoch: checkpoint.epoch }),
    };
  }

  /** The parameters of the chosen layers, as far as names tell; the last layer is known to the graph alone. */
  private counted(parameters: readonly string[]): readonly string[] {
    const { layers } = this.config;
    return layers === "last"
      ? []
      : typeof layers === "object"
        ? parameters.filter((name) => layers.some((pattern) => matches(pattern, name)))
        : parameters;
  }

  /** The weights that the checkpoints hold, as what was trained and what was not. */
  private divide(match: Match | undefined): Division {
    const isFrozen = this.frozenTest();
    const held = this.model.weights.filter(({ name }) => match?.names.has(name));
    const isParameter = ({ name, role }: ModelWeight): boolean =>
      role === "parameter" && !isFrozen(name);
    return {
      parameters: held.filter(isParameter).map(({ name }) => name),
      buffers: held.filter((weight) => !isParameter(weight)).map(({ name }) => name),
    };
  }

  private frozenTest(): (name: string) => boolean {
    const patterns = this.config.frozen ?? [];
    return (name) => patterns.some((pattern) => matches(pattern, name));
  }
}

function isSameSurplus(match: Match, previous: Match | undefined): boolean {
  const names = new Set(previous?.surplus);
  return (
    names.size === match.surplus.length &&
    match.surplus.every((name) => names.has(name)) &&
    match.copies.length === previous?.copies.length
  );
}

/** The rate of each parameter, by the group of the optimizer that holds it. */
function parameterRates(
  series: Series,
  groupRates: readonly number[],
  parameters: readonly string[],
): { readonly byName: ReadonlyMap<string, number>; readonly warnings: readonly string[] } {
  const entries = new OptimizerEntries(series);
  const isSame = (a: number, b: number) => groupRates[a] === groupRates[b];
  const byName = new Map(
    parameters.map((name) => [name, groupRates[entries.group(name, isSame)] ?? 0]),
  );
  const { assumption } = entries;
  return {
    byName,
    warnings:
      assumption === undefined
        ? []
        : [
            `The optimizer's state does not name its parameters; it was taken for granted that ${assumption}. "checkpoints.groups" in tracin.json says it for certain.`,
          ],
  };
}

/** What stands in front of the names in the file, with what wrappers such as `torch.compile` put there. */
function shownPrefix({ prefix, names }: Match): string {
  const whole = new Set(
    Array.from(names, ([weight, stored]) =>
      stored.endsWith(weight) ? stored.slice(0, stored.length - weight.length) : prefix,
    ),
  );
  const [first, ...others] = whole;
  return first !== undefined && others.length === 0 ? first : prefix;
}
