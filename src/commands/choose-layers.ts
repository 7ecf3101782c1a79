import {
  CancellationTokenSource,
  InputBoxValidationSeverity,
  l10n,
  type QuickPickItem,
  QuickPickItemKind,
  window,
} from "vscode";
import { TracInError } from "../core/errors.ts";
import type { Compute } from "../project/compute.ts";
import { counted } from "../project/counted.ts";
import { editConfig } from "../project/edit-config.ts";
import type { Services } from "../project/services.ts";
import type { LayerEstimate, ParameterSummary, ProjectSummary } from "../protocol/project.ts";
import { formatSeconds } from "../views/format.ts";
import { pickProject } from "./pick-project.ts";

/** Milliseconds without a change after which what was typed or checked is measured. */
const CHANGING_PAUSE = 400;

type Layers = ProjectSummary["layers"];

interface Choice extends QuickPickItem {
  readonly layers?: Layers;
  readonly next?: "names" | "patterns";
}

/**
 * **TracIn: Choose Layers**: which parameters count (the paper's third step to scale), with their number and the time
 * that a question takes, measured on a few batches. The choice is written to `tracin.json`.
 */
export async function chooseLayers(services: Services): Promise<void> {
  const folder = await pickProject(services);
  if (folder === undefined) {
    return;
  }
  const { root } = folder;
  const project = await services.compute.request("open", { root });
  const layers = await pickLayers(services, root, project);
  if (layers !== undefined) {
    await editConfig(root, [[["layers"], layers === "all" ? undefined : layers]]);
  }
}

async function pickLayers(
  services: Services,
  root: string,
  project: ProjectSummary,
): Promise<Layers | undefined> {
  const choices: Choice[] = [
    { label: l10n.t("All layers"), layers: "all" },
    { label: l10n.t("The last layer"), layers: "last" },
    ...(Array.isArray(project.layers)
      ? [{ label: project.layers.join(", "), layers: project.layers }]
      : []),
    { label: "", kind: QuickPickItemKind.Separator },
    { label: l10n.t("Layers by name..."), next: "names" },
    { label: l10n.t("Layers by pattern..."), next: "patterns" },
  ];
  const choice = await pickMeasured(services, root, project, choices);
  if (choice?.next === "names") {
    return pickNames(services, root, project);
  }
  return choice?.next === "patterns" ? askPatterns(services, root, project) : choice?.layers;
}

/** A quick pick whose choices say how many parameters they count and how long a question takes, once that is known. */
function pickMeasured(
  { compute }: Services,
  root: string,
  project: ProjectSummary,
  choices: readonly Choice[],
): Promise<Choice | undefined> {
  const pick = window.createQuickPick<Choice>();
  const current = choices.find(({ layers }) => sameLayers(layers, project.layers));
  const texts = new Map<Choice, string>();
  const show = () => {
    const active = pick.activeItems[0];
    pick.items = choices.map((choice) => describe(choice, choice === current, texts.get(choice)));
    const again = pick.items.find(({ label }) => label === (active ?? current)?.label);
    pick.activeItems = again === undefined ? [] : [again];
  };
  pick.title = l10n.t("Which layers count?");
  pick.placeholder = l10n.t("Fewer layers are faster and see less");
  pick.busy = true;
  show();
  const source = new CancellationTokenSource();
  const measure = async () => {
    for (const choice of choices) {
      if (choice.layers !== undefined && !source.token.isCancellationRequested) {
        const text = await compute
          .request("estimate", { root, layers: choice.layers }, { token: source.token })
          .then(estimateText, (error: unknown) => TracInError.from(error).message);
        texts.set(choice, text);
        show();
      }
    }
    pick.busy = false;
  };
  pick.show();
  void measure();
  return new Promise((resolve) => {
    pick.onDidAccept(() => {
      const [chosen] = pick.selectedItems;
      resolve(chosen);
      pick.hide();
    });
    pick.onDidHide(() => {
      source.cancel();
      resolve(undefined);
      pick.dispose();
    });
  });
}

function describe(choice: Choice, isCurrent: boolean, text: string | undefined): Choice {
  const parts = [
    ...(text === undefined ? [] : [text]),
    ...(isCurrent ? [l10n.t("chosen now")] : []),
  ];
  return { ...choice, description: parts.join(" · ") };
}

function estimateText({ parameters, seconds }: LayerEstimate): string {
  return l10n.t(
    "{0}, about {1} a question",
    counted.parameters(parameters),
    formatSeconds(seconds),
  );
}

/** Measures layers while they are being chosen: once nothing has changed for a while. A change ends what is under way. */
class Measuring {
  private latest = new AbortController();

  constructor(
    private readonly compute: Compute,
    private readonly root: string,
  ) {}

  /** What these layers take, or why that is not known; undefined for none, or where something else was chosen meanwhile. */
  async measure(
    layers: Layers,
  ): Promise<{ readonly text: string; readonly isProblem: boolean } | undefined> {
    this.stop();
    const { signal } = this.latest;
    await new Promise((resolve) => setTimeout(resolve, CHANGING_PAUSE));
    if (signal.aborted || layers.length === 0) {
      return undefined;
    }
    const found = await this.compute
      .request("estimate", { root: this.root, layers }, { signal })
      .then(
        (estimate) => ({ text: estimateText(estimate), isProblem: false }),
        (error: unknown) => ({ text: TracInError.from(error).message, isProblem: true }),
      );
    return signal.aborted ? undefined : found;
  }

  /** Ends what is under way. */
  stop(): void {
    this.latest.abort();
    this.latest = new AbortController();
  }
}

/** Modules of the model to be checked, each with its number of parameters; the title tells what those that are checked take. */
async function pickNames(
  { compute }: Services,
  root: string,
  project: ProjectSummary,
): Promise<Layers | undefined> {
  const modules = new Map<string, { count: number; isCounted: boolean }>();
  for (const { name, shape, counted } of project.model.parameters) {
    const module = moduleOf(name);
    const known = modules.get(module) ?? { count: 0, isCounted: false };
    const count = known.count + sizeOf(shape);
    modules.set(module, { count, isCounted: known.isCounted || counted });
  }
  const pick = window.createQuickPick();
  pick.canSelectMany = true;
  pick.matchOnDescription = true;
  pick.title = l10n.t("Which layers count?");
  pick.items = [...modules].map(([label, { count }]) => ({
    label,
    description: counted.parameters(count),
  }));
  pick.selectedItems = pick.items.filter(({ label }) => modules.get(label)?.isCounted);
  const layersOf = (): Layers => {
    const labels = pick.selectedItems.map(({ label }) => label);
    return labels.length === modules.size ? "all" : labels;
  };
  const measuring = new Measuring(compute, root);
  const measure = async () => {
    pick.title = l10n.t("Which layers count?");
    const found = await measuring.measure(layersOf());
    if (found !== undefined) {
      pick.title = `${l10n.t("Which layers count?")} ${found.text}`;
    }
  };
  pick.onDidChangeSelection(measure);
  pick.show();
  void measure();
  return new Promise((resolve) => {
    pick.onDidAccept(() => {
      resolve(pick.selectedItems.length === 0 ? undefined : layersOf());
      pick.hide();
    });
    pick.onDidHide(() => {
      measuring.stop();
      resolve(undefined);
      pick.dispose();
    });
  });
}

/** Name patterns, checked while they are typed. */
async function askPatterns(
  { compute }: Services,
  root: string,
  project: ProjectSummary,
): Promise<Layers | undefined> {
  const measuring = new Measuring(compute, root);
  const text = await window.showInputBox({
    title: l10n.t("Which layers count?"),
    prompt: l10n.t("Name patterns with commas, such as {0}; * stands for any text", "encoder.*"),
    value: Array.isArray(project.layers) ? project.layers.join(", ") : "",
    ignoreFocusOut: true,
    validateInput: async (value) => {
      const layers = patternsOf(value);
      if (layers.length === 0) {
        return l10n.t("Write at least one pattern.");
      }
      const found = await measuring.measure(layers);
      return found?.isProblem === false
        ? { message: found.text, severity: InputBoxValidationSeverity.Info }
        : found?.text;
    },
  });
  measuring.stop();
  return text === undefined ? undefined : patternsOf(text);
}

function patternsOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((pattern) => pattern.trim())
    .filter((pattern) => pattern !== "");
}

function sameLayers(a: Layers | undefined, b: Layers): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function moduleOf(parameter: string): string {
  const end = Math.max(parameter.lastIndexOf("."), parameter.lastIndexOf("/"));
  return end === -1 ? parameter : parameter.slice(0, end);
}

function sizeOf(shape: ParameterSummary["shape"]): number {
  return shape.reduce((product, size) => product * size, 1);
}
