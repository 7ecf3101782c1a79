import { l10n, type TextEditor, Uri, window } from "vscode";
import { TracInError } from "../core/errors.ts";
import { relativeTo } from "../project/paths.ts";
import type { ProjectFolder } from "../project/projects.ts";
import type { Services } from "../project/services.ts";
import { usesIndex } from "../project/settings.ts";
import type { QueryRef } from "../protocol/examples.ts";
import type { ExplainedLabel, RunSummary } from "../protocol/runs.ts";
import { exampleAtCursor, pickExample } from "./pick-example.ts";
import { pickProject } from "./pick-project.ts";

/**
 * **TracIn: Explain Prediction.** From a menu, `resource` is the image, or the data file with the cursor on a row;
 * from the palette the example is picked.
 */
export async function explainPrediction(services: Services, resource?: unknown): Promise<void> {
  const uri = resource instanceof Uri ? resource : undefined;
  const folder = await pickProject(services, uri);
  const query = folder && (await findQuery(services, folder, uri));
  if (folder && query) {
    await explain(services, folder.root, [query], "target");
  }
}

/** Scores the training data on the queries, with progress and cancel, and shows the run. */
export async function explain(
  services: Services,
  root: string,
  queries: readonly QueryRef[],
  label: ExplainedLabel,
): Promise<void> {
  const [first] = queries;
  const title =
    first === undefined || queries.length > 1
      ? l10n.t("Explaining {0} predictions", queries.length)
      : "dataset" in first
        ? l10n.t("Explaining {0} {1}", first.dataset, first.index)
        : l10n.t("Explaining a new example");
  const run = services.session.start(root, title, (options) =>
    services.compute.request(
      "explain",
      { root, queries, explain: label, useIndex: usesIndex() },
      options,
    ),
  );
  await Promise.all([run, services.influence.reveal()]);
}

/** The queries of a run, to be asked about once more. */
export function queriesAgain({ id, queries }: RunSummary): readonly QueryRef[] {
  return queries.map(({ dataset, index, given }, query) =>
    given ? { runId: id, query } : { dataset, index },
  );
}

async function findQuery(
  services: Services,
  folder: ProjectFolder,
  uri: Uri | undefined,
): Promise<QueryRef | undefined> {
  if (uri === undefined) {
    return pickExample(services, folder);
  }
  const file = relativeTo(folder.root, uri.fsPath);
  const editor = editorOf(uri);
  if (editor && services.projects.isDataFile(uri)) {
    return exampleAtCursor(services, folder, editor, file);
  }
  const example = await services.compute.request("locate", { root: folder.root, file });
  if (example === null) {
    const { form } = await services.compute.request("open", { root: folder.root });
    if (form.image && form.columns.length === 0) {
      return { given: { image: uri.fsPath } };
    }
    throw new TracInError(
      "data",
      l10n.t("This file is no example of a dataset in tracin.json."),
      { file },
      l10n.t("Choose an image that the data in tracin.json lists."),
    );
  }
  return example;
}

function editorOf(uri: Uri): TextEditor | undefined {
  const editor = window.activeTextEditor;
  return editor?.document.uri.toString() === uri.toString() ? editor : undefined;
}
