import { isDeepStrictEqual } from "node:util";
import { l10n, ProgressLocation, type QuickPickItem, window } from "vscode";
import { TracInError } from "../core/errors.ts";
import type { Services } from "../project/services.ts";
import type { IndexChoice, IndexPlan, IndexSettings } from "../protocol/gradient-index.ts";
import { formatBytes } from "../views/format.ts";
import { pickProject } from "./pick-project.ts";

/**
 * **TracIn: Build Index**: keeps the gradients of the training examples, so that further questions are one pass over a file.
 * A build that was cancelled or ended goes on where it stopped.
 */
export async function buildIndex(services: Services): Promise<void> {
  const folder = await pickProject(services);
  if (folder === undefined) {
    return;
  }
  const { root } = folder;
  const { compute } = services;
  const plan = await window.withProgress(
    { location: ProgressLocation.Window, title: l10n.t("Looking at the gradient index") },
    () => compute.request("planIndex", { root }),
  );
  const settings = await choose(plan);
  if (settings === undefined) {
    return;
  }
  const built = await window.withProgress(
    {
      location: ProgressLocation.Notification,
      title: l10n.t("Building the gradient index"),
      cancellable: true,
    },
    async (progress, token) => {
      let last = 0;
      const onProgress = (step: { readonly done: number; readonly total: number }) => {
        const percent = (100 * step.done) / Math.max(1, step.total);
        progress.report({ increment: percent - last, message: `${Math.floor(percent)}%` });
        last = percent;
      };
      try {
        return await compute.request("buildIndex", { root, settings }, { token, onProgress });
      } catch (error) {
        if (token.isCancellationRequested || TracInError.from(error).kind === "cancelled") {
          return undefined;
        }
        throw error;
      }
    },
  );
  if (built === undefined) {
    void window.showInformationMessage(
      l10n.t("The index is not finished. What is done is kept: Build Index goes on from there."),
    );
    return;
  }
  void window.showInformationMessage(
    l10n.t(
      "The gradient index is up to date ({0}, {1}). Explain Prediction asks it from now on.",
      built.kept,
      formatBytes(built.bytes),
    ),
  );
}

interface ChoiceItem extends QuickPickItem {
  readonly settings: IndexSettings;
}

async function choose({ state, reasons, current, choices }: IndexPlan) {
  const items = choices.map((choice): ChoiceItem => {
    const isCurrent = isDeepStrictEqual(choice.settings, current);
    return {
      label: labelOf(choice),
      description: isCurrent
        ? l10n.t("{0}, the present one", formatBytes(choice.bytes))
        : formatBytes(choice.bytes),
      detail: detailOf(choice),
      settings: choice.settings,
    };
  });
  const placeHolder =
    state === "none"
      ? l10n.t("What to keep of each training example's gradient")
      : state === "valid"
        ? l10n.t("There is an index, and it is up to date. What to keep instead?")
        : l10n.t("The index is out of date: {0}", reasons.join("; "));
  const ordered = items.toSorted((a, b) => rank(b, current) - rank(a, current));
  const picked = await window.showQuickPick(ordered, {
    title: l10n.t("TracIn: Build Index"),
    placeHolder,
  });
  return picked?.settings;
}

/** The present choice first: most builds bring it up to date. */
function rank({ settings }: ChoiceItem, current: IndexSettings | undefined): number {
  return Number(isDeepStrictEqual(settings, current));
}

function labelOf({ settings, exact }: IndexChoice): string {
  if (settings.type === "factors") {
    return l10n.t("Activations and output gradients");
  }
  return exact
    ? l10n.t("Whole gradients")
    : l10n.t("Sketches of {0} numbers, {1}", settings.size, settings.numbers);
}

function detailOf({ exact }: IndexChoice): string {
  return exact
    ? l10n.t("All scores are exact.")
    : l10n.t("The best scores of each list are exact, the others are estimates.");
}
