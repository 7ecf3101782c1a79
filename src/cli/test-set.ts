import { testRanking } from "../compute/test-lists.ts";
import { runTestSet } from "../compute/test-set.ts";
import { lossFamily } from "../core/config/loss-schema.ts";
import { datasetOf, type Project } from "../core/config/project.ts";
import { counted } from "../core/counted.ts";
import { searchTexts } from "../core/datasets/search-text.ts";
import { TracInError } from "../core/errors.ts";
import type { TestSlice } from "../core/evaluation/slice.ts";
import { Fingerprints } from "../core/store/inputs.ts";
import { RunReader } from "../core/store/reader.ts";
import { readingOf } from "../core/tracin/questions.ts";
import { type CommandContext, type CommonOptions, openWorkspace, printJson } from "./context.ts";
import { collectProfile, printProfile, profileJson } from "./profile.ts";
import { printRun, printScored, rowJson, runJson } from "./run-output.ts";
import { printTestRows, printTestSet, testRowJson, testSetJson } from "./test-set-output.ts";

/** The slice of a test set as the command line names it. */
export interface TestSetOptions extends CommonOptions {
  readonly set: string;
  readonly errors?: boolean;
  readonly class?: string;
  readonly predicted?: string;
  readonly where?: string;
  readonly top: number;
  /** Whether an index that is up to date is asked. */
  readonly index: boolean;
}

/** `tracin explain --set test`: which training examples hurt and help a whole test set, or a slice of it? */
export async function explainTestSet(
  context: CommandContext,
  options: TestSetOptions,
): Promise<void> {
  const { opened, progress } = await openWorkspace(context, options);
  try {
    const { project } = opened;
    const slice = sliceOf(project, options);
    const record = await runTestSet(
      opened,
      { dataset: options.set, slice, useIndex: options.index },
      {
        fingerprints: new Fingerprints(),
        started: context.started,
        onProgress: (step) => progress.update(step),
        signal: context.signal,
      },
    );
    progress.stop();
    const profile = await collectProfile(opened);
    const ranked = performance.now();
    const reader = await RunReader.open(project.root, record.id);
    try {
      const { table: tested, testSet } = await reader.tested();
      const ranking = testRanking(testSet, { slice });
      const texts = (start: number, end: number) =>
        searchTexts(datasetOf(project, options.set), start, end);
      const { rows } = await tested.page(ranking, 0, options.top, texts, context.signal);
      const opponents = await reader.top({ view: "opponents", query: 0 }, options.top);
      const proponents = await reader.top({ view: "proponents", query: 0 }, options.top);
      profile?.own.add("ranking", ranked);
      if (options.json) {
        printJson(context, {
          run: runJson(record),
          testSet: { ...testSetJson(testSet), worst: rows.map(testRowJson) },
          opponents: opponents.map(rowJson),
          proponents: proponents.map(rowJson),
          ...profileJson(context, profile),
        });
        return;
      }
      printTestSet(context, testSet);
      printTestRows(context, rows, testSet);
      const { reading } = record;
      const these =
        testSet.chosen === 1 ? "this example" : `these ${counted(testSet.chosen, "example")}`;
      const hurt = `Opponents (training examples that raise the mean loss of ${these})`;
      printScored(context.out, hurt, "red", opponents, reading);
      const help = `Proponents (training examples that lower the mean loss of ${these})`;
      printScored(context.out, help, "green", proponents, reading);
      printRun(context, record, project.root);
      printProfile(context, profile);
    } finally {
      reader.close();
    }
  } finally {
    progress.stop();
    await opened.close();
  }
}

function sliceOf(project: Project, options: TestSetOptions): TestSlice {
  const { errors, where, class: target, predicted } = options;
  const given = [errors === true, where !== undefined, (target ?? predicted) !== undefined];
  if (given.filter(Boolean).length > 1) {
    throw new TracInError(
      "config",
      "--errors, --where and --class (with --predicted) exclude each other.",
      {},
      "Write one condition, such as --where \"target = 'spam' and wrong = 1\".",
    );
  }
  if (errors === true) {
    return { kind: "errors" };
  }
  if (where !== undefined) {
    return { kind: "filter", text: where };
  }
  if (target === undefined && predicted === undefined) {
    return { kind: "all" };
  }
  const hasSeveral =
    lossFamily(project.loss.type) === "binary" && readingOf(project) === "probabilities";
  if (!hasSeveral) {
    return { kind: "labels", target, predicted };
  }
  if (target !== undefined && predicted !== undefined && target !== predicted) {
    throw new TracInError(
      "config",
      "Examples with several labels have no prediction in place of a target.",
      {},
      "Name one label with --class (on in the target) or --predicted, or the same one with both.",
    );
  }
  return {
    kind: "label",
    label: target ?? predicted ?? "",
    target: target === undefined ? undefined : true,
    predicted: predicted === undefined ? undefined : true,
  };
}
