import { l10n, Uri, window } from "vscode";
import { TracInError } from "../core/errors.ts";
import { counted } from "../project/counted.ts";
import { relativeTo } from "../project/paths.ts";
import type { ProjectFolder } from "../project/projects.ts";
import type { Services } from "../project/services.ts";
import { usesIndex } from "../project/settings.ts";
import type { DatasetSummary } from "../protocol/project.ts";
import type { TestSlice } from "../protocol/test-set.ts";
import { pickProject } from "./pick-project.ts";

/**
 * **TracIn: Explain Test Set**: the training examples that hurt and help a whole dataset. From a menu, `resource` is the data
 * file; from the palette the dataset is picked unless there is only one. The panel chooses slices of it.
 */
export async function explainTestSet(services: Services, resource?: unknown): Promise<void> {
  const uri = resource instanceof Uri ? resource : undefined;
  const folder = await pickProject(services, uri);
  const dataset = folder && (await findDataset(services, folder, uri));
  if (folder && dataset !== undefined) {
    await explainSlice(services, folder.root, dataset, { kind: "all" });
  }
}

/** Scores the training data on a slice of a dataset, with progress and cancel, and shows the run. */
export async function explainSlice(
  services: Services,
  root: string,
  dataset: string,
  slice: TestSlice,
): Promise<void> {
  const title = l10n.t("Explaining the examples of {0}", dataset);
  const run = services.session.start(root, title, (options) =>
    services.compute.request(
      "explainTestSet",
      { root, dataset, slice, useIndex: usesIndex() },
      options,
    ),
  );
  await Promise.all([run, services.influence.reveal()]);
}

async function findDataset(
  { compute }: Services,
  { root }: ProjectFolder,
  uri: Uri | undefined,
): Promise<string | undefined> {
  const { datasets } = await compute.request("open", { root });
  const tests = datasets.filter(({ name }) => name !== "train");
  const file = uri && relativeTo(root, uri.fsPath);
  const chosen = tests.find((dataset) => dataset.file === file);
  if (tests.length === 0) {
    throw new TracInError(
      "config",
      l10n.t("There is no test set: the training data is the only data in tracin.json."),
      { file: "tracin.json" },
      l10n.t('Add one under "data", next to "train", such as "test".'),
    );
  }
  if (file !== undefined && chosen === undefined) {
    throw new TracInError(
      "data",
      l10n.t("This file is no test set in tracin.json."),
      { file },
      l10n.t("Choose one of: {0}.", tests.map((dataset) => dataset.file).join(", ")),
    );
  }
  return chosen?.name ?? (tests.length === 1 ? tests[0]?.name : await pickDataset(tests));
}

async function pickDataset(datasets: readonly DatasetSummary[]): Promise<string | undefined> {
  const choice = await window.showQuickPick(
    datasets.map(({ name, length, file }) => ({
      label: name,
      description: counted.examples(length),
      detail: file,
    })),
    { title: l10n.t("Explain Test Set"), placeHolder: l10n.t("Dataset to explain") },
  );
  return choice?.label;
}
