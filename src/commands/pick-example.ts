import { type Disposable, l10n, type QuickPickItem, type TextEditor, window } from "vscode";
import { TracInError } from "../core/errors.ts";
import { counted } from "../project/counted.ts";
import type { ProjectFolder } from "../project/projects.ts";
import type { Services } from "../project/services.ts";
import type { ExampleRef, Preview } from "../protocol/examples.ts";
import type { DatasetSummary } from "../protocol/project.ts";

/** Examples that are listed with their content; any other one is reached by typing its number. */
const LISTED = 500;
/** Previews asked for at a time. */
const BATCH = 25;

interface ExampleItem extends QuickPickItem {
  readonly index: number;
}

/** Asks for a dataset, unless there is only one, and then for an example of it. */
export async function pickExample(
  services: Services,
  folder: ProjectFolder,
): Promise<ExampleRef | undefined> {
  const { datasets } = await services.compute.request("open", { root: folder.root });
  services.compute.warmUp(folder.root, true); // while the person chooses
  const sorted = [...datasets].sort((a, b) => rank(a) - rank(b));
  const dataset = sorted.length === 1 ? sorted[0] : await pickDataset(sorted);
  return dataset && askForIndex(services, folder.root, dataset);
}

/** The example under the cursor; throws a `TracInError` where there is none. Offers to save the file first. */
export async function exampleAtCursor(
  services: Services,
  folder: ProjectFolder,
  editor: TextEditor,
  file: string,
): Promise<ExampleRef | undefined> {
  const { document, selection } = editor;
  if (document.isDirty) {
    const save = l10n.t("Save");
    const choice = await window.showWarningMessage(
      l10n.t("{0} has unsaved changes. TracIn reads the file on disk: save it first?", file),
      { modal: true },
      save,
    );
    if (choice !== save || !(await document.save())) {
      return undefined;
    }
  }
  const line = selection.active.line;
  const example = await services.compute.request("locate", { root: folder.root, file, line });
  if (example === null) {
    throw new TracInError(
      "data",
      l10n.t("No example stands here."),
      { file, line: line + 1 },
      l10n.t("Put the cursor on a row of data and try again."),
    );
  }
  return example;
}

async function pickDataset(
  datasets: readonly DatasetSummary[],
): Promise<DatasetSummary | undefined> {
  const choice = await window.showQuickPick(
    datasets.map((dataset) => ({
      label: dataset.name,
      description: counted.examples(dataset.length),
      detail: dataset.file,
      dataset,
    })),
    {
      title: l10n.t("Explain Prediction"),
      placeHolder: l10n.t("Dataset of the example to explain"),
    },
  );
  return choice?.dataset;
}

function rank({ name }: DatasetSummary): number {
  return name === "test" ? 0 : name === "train" ? 2 : 1;
}

async function askForIndex(
  services: Services,
  root: string,
  dataset: DatasetSummary,
): Promise<ExampleRef | undefined> {
  const pick = window.createQuickPick<ExampleItem>();
  const subscriptions: Disposable[] = [pick];
  let open = true;
  const items = Array.from({ length: Math.min(dataset.length, LISTED) }, (_, index) =>
    plainItem(index),
  );
  let typed: ExampleItem | undefined;
  const show = (): void => {
    pick.items = typed ? [typed, ...items] : items;
  };
  const describe = async (index: number): Promise<ExampleItem> => {
    const { name } = dataset;
    const { place, target, preview } = await services.compute.request("preview", {
      root,
      dataset: name,
      index,
    });
    return {
      index,
      label: String(index),
      description: l10n.t("target {0}", target),
      detail: previewText(preview, place.image ?? `${place.file}:${place.line + 1}`),
    };
  };
  const load = async (): Promise<void> => {
    for (let start = 0; open && start < items.length; start += BATCH) {
      const batch = items.slice(start, start + BATCH);
      const described = await Promise.all(batch.map(({ index }) => describe(index)));
      if (open) {
        items.splice(start, described.length, ...described);
        show();
      }
    }
  };
  pick.title = l10n.t("Explain Prediction: {0}", dataset.name);
  pick.placeholder = l10n.t(
    "Type a number from 0 to {0}, or a part of the example",
    dataset.length - 1,
  );
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  show();
  subscriptions.push(
    pick.onDidChangeValue(async (value) => {
      const index = /^\d+$/.test(value.trim()) ? Number(value) : Number.NaN;
      typed = undefined;
      if (index >= items.length && index < dataset.length) {
        typed = await describe(index).catch(() => plainItem(index));
      }
      if (open) {
        show();
      }
    }),
  );
  try {
    return await new Promise<ExampleRef | undefined>((resolve, reject) => {
      subscriptions.push(
        pick.onDidAccept(() => {
          const item = pick.selectedItems[0];
          resolve(item && { dataset: dataset.name, index: item.index });
        }),
        pick.onDidHide(() => resolve(undefined)),
      );
      pick.show();
      load().catch(reject);
    });
  } finally {
    open = false;
    for (const subscription of subscriptions) {
      subscription.dispose();
    }
  }
}

function plainItem(index: number): ExampleItem {
  return { index, label: String(index) };
}

function previewText(preview: Preview, place: string): string {
  switch (preview.kind) {
    case "image":
      return place;
    case "text":
      return preview.text;
    case "fields":
      return preview.entries.map(([name, value]) => `${name} ${value}`).join(" · ");
  }
}
