import { l10n, type QuickPickItem, Uri, window, workspace } from "vscode";
import type { Services } from "../project/services.ts";
import type { ListRequest, RankedView } from "../protocol/lists.ts";
import { isInData } from "../protocol/reviews.ts";
import type { RunSummary } from "../protocol/runs.ts";

interface Choice extends QuickPickItem {
  /** Name of the file, without its extension. */
  readonly file: string;
  /** A list; undefined for the indices of excluded examples. */
  readonly list: Omit<ListRequest, "root"> | undefined;
}

/** **TracIn: Export Results**: what the panel shows, a whole ranked list of the shown run, or the indices to drop. */
export async function exportResults(services: Services): Promise<void> {
  const { session, compute } = services;
  const { run: ref, state } = session;
  if (ref === undefined || state.kind !== "run") {
    void window.showInformationMessage(l10n.t("Show a run first."));
    return;
  }
  const choices = await choicesFor(services, ref, state.run);
  const [only] = choices;
  const title = l10n.t("Export Results");
  const choice = choices.length === 1 ? only : await window.showQuickPick(choices, { title });
  if (choice === undefined) {
    return;
  }
  const { list, file } = choice;
  const to = await window.showSaveDialog({
    defaultUri: Uri.joinPath(Uri.file(ref.root), `${file}.${list === undefined ? "txt" : "csv"}`),
    filters:
      list === undefined
        ? { [l10n.t("Text")]: ["txt"] }
        : { CSV: ["csv"], "JSON Lines": ["jsonl"], Parquet: ["parquet"] },
    title,
  });
  if (to === undefined) {
    return;
  }
  if (list === undefined) {
    const lines = droppedIndices(services, ref.root).map((index) => `${index}\n`);
    await workspace.fs.writeFile(to, new TextEncoder().encode(lines.join("")));
  } else {
    await compute.request("exportRun", { ...list, root: ref.root, to: to.fsPath });
  }
  void window.showInformationMessage(l10n.t("The list was written to {0}.", to.fsPath));
}

async function choicesFor(
  services: Services,
  { root, runId }: { readonly root: string; readonly runId: string },
  run: RunSummary,
): Promise<readonly Choice[]> {
  const names: Readonly<Record<RankedView, string>> = {
    proponents: l10n.t("Proponents"),
    opponents: l10n.t("Opponents"),
    suspects: l10n.t("Suspects"),
    all: l10n.t("All"),
  };
  const shown = services.influence.shownList(runId);
  const narrowing = shown && narrowingText(shown, run);
  const views =
    run.kind === "suspects"
      ? (["suspects"] as const)
      : (["proponents", "opponents", "suspects"] as const);
  // Without decisions that can be read, there is nothing to drop.
  await services.reviews.load(root).catch(() => undefined);
  const dropped = droppedIndices(services, root).length;
  return [
    ...(shown === undefined || narrowing === undefined
      ? []
      : [
          {
            label: l10n.t("What the Panel Shows: {0}", names[shown.view]),
            description: narrowing,
            file: shown.view,
            list: shown,
          },
        ]),
    ...views.map((view) => ({
      label: names[view],
      description: l10n.t("all rows"),
      file: view,
      list: { runId, view, query: shown?.query ?? 0 },
    })),
    ...(dropped === 0
      ? []
      : [
          {
            label: l10n.t("Indices to Drop"),
            description: l10n.t("{0} excluded training examples, counted from 0", dropped),
            file: "drop",
            list: undefined,
          },
        ]),
  ];
}

/** What narrows or sorts a list, in a line; undefined where it is shown whole and in its own order. */
function narrowingText(
  { filter, sort, order }: Omit<ListRequest, "root">,
  { orders }: RunSummary,
): string | undefined {
  const parts = [
    ...(filter?.text === undefined ? [] : [filter.text]),
    ...(filter?.ranges ?? []).map(({ column, from, to }) => `${from} ≤ ${column} ≤ ${to}`),
    ...(sort === undefined
      ? []
      : [
          sort.descending
            ? l10n.t("{0}, largest first", sort.column)
            : l10n.t("{0}, smallest first", sort.column),
        ]),
    ...(order === undefined || order === orders[0] ? [] : [l10n.t("ranked by {0}", order)]),
  ];
  return parts.length === 0 ? undefined : parts.join(" · ");
}

function droppedIndices({ reviews }: Services, root: string): readonly number[] {
  return reviews
    .ofDataset(root, "train")
    .filter((review) => review.decision.kind === "exclude" && isInData(review))
    .map(({ index }) => index)
    .sort((a, b) => a - b);
}
