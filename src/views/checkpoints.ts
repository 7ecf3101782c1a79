import {
  EventEmitter,
  l10n,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  type TreeDataProvider,
  TreeItem,
  TreeItemCollapsibleState,
  Uri,
  window,
  workspace,
} from "vscode";
import { TracInError } from "../core/errors.ts";
import type { Compute } from "../project/compute.ts";
import { counted } from "../project/counted.ts";
import { Owner } from "../project/disposable.ts";
import type { ProjectFolder, Projects } from "../project/projects.ts";
import type { CheckpointSummary, ProjectSummary } from "../protocol/project.ts";
import { distinctNames, formatNumber } from "./format.ts";
import { escapeMarkdown } from "./markdown.ts";

/** Parameters that a tooltip lists. */
const MOST_NAMES = 20;

/** A checkpoint in the tree, with its place in the series. */
export interface CheckpointNode {
  readonly kind: "checkpoint";
  readonly root: string;
  readonly checkpoint: CheckpointSummary;
  /** Its file, told apart from the others of the series. */
  readonly name: string;
  readonly index: number;
  /** Number of checkpoints of the series. */
  readonly count: number;
}

type Node =
  | { readonly kind: "layers"; readonly root: string; readonly project: ProjectSummary }
  | { readonly kind: "project"; readonly folder: ProjectFolder }
  | CheckpointNode
  | { readonly kind: "warning"; readonly text: string }
  | { readonly kind: "error"; readonly root: string; readonly error: TracInError };

/** The checkpoints of each project with their learning rates, or why a project does not open. */
export class CheckpointsView extends Owner implements TreeDataProvider<Node> {
  private readonly changed = this.own(new EventEmitter<undefined>());
  readonly onDidChangeTreeData = this.changed.event;

  constructor(
    private readonly compute: Compute,
    private readonly projects: Projects,
  ) {
    super();
    const view = this.own(window.createTreeView("tracin.checkpoints", { treeDataProvider: this }));
    if (!workspace.isTrusted) {
      view.message = l10n.t(
        "Restricted mode: files are read and nothing in them is executed. The engine is the one of your own settings, and none is installed.",
      );
      this.own(
        workspace.onDidGrantWorkspaceTrust(() => {
          view.message = "";
        }),
      );
    }
    this.own(projects.onDidChange(() => this.refresh()));
    this.own(projects.onDidChangeInputs(() => this.refresh()));
  }

  nodesOf(root: string, checkpoints: readonly CheckpointSummary[]): readonly CheckpointNode[] {
    const names = distinctNames(checkpoints.map(({ file }) => file));
    return checkpoints.map((checkpoint, index) => ({
      kind: "checkpoint",
      root,
      checkpoint,
      name: names[index] ?? checkpoint.file,
      index,
      count: checkpoints.length,
    }));
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  async getChildren(node?: Node): Promise<Node[]> {
    if (node === undefined) {
      const [first, ...others] = this.projects.all;
      if (first === undefined) {
        return []; // the welcome text shows
      }
      return others.length === 0
        ? this.open(first)
        : this.projects.all.map((folder) => ({ kind: "project", folder }));
    }
    if (node.kind === "project") {
      return this.open(node.folder);
    }
    if (node.kind === "checkpoint") {
      return node.checkpoint.warnings.map((text) => ({ kind: "warning", text }));
    }
    if (node.kind === "error" && node.error.remedy !== undefined) {
      return [{ kind: "warning", text: node.error.remedy }];
    }
    return [];
  }

  getTreeItem(node: Node): TreeItem {
    switch (node.kind) {
      case "project":
        return projectItem(node.folder);
      case "layers":
        return layersItem(node.root, node.project);
      case "checkpoint":
        return checkpointItem(node);
      case "warning":
        return warningItem(node.text);
      case "error":
        return errorItem(node.root, node.error);
    }
  }

  private async open(folder: ProjectFolder): Promise<Node[]> {
    const { root } = folder;
    try {
      const project: ProjectSummary = await this.compute.request("open", { root });
      return [{ kind: "layers", root, project }, ...this.nodesOf(root, project.checkpoints)];
    } catch (error) {
      return [{ kind: "error", root, error: TracInError.from(error) }];
    }
  }
}

function projectItem(folder: ProjectFolder): TreeItem {
  const item = new TreeItem(folder.name, TreeItemCollapsibleState.Expanded);
  item.id = `project:${folder.root}`;
  item.iconPath = ThemeIcon.Folder;
  item.tooltip = folder.root;
  return item;
}

function checkpointItem({ root, checkpoint, name }: CheckpointNode): TreeItem {
  const { file, learningRate, learningRateSource, warnings, previousRate } = checkpoint;
  const warned = warnings.length > 0;
  const item = new TreeItem(
    name,
    warned ? TreeItemCollapsibleState.Collapsed : TreeItemCollapsibleState.None,
  );
  item.id = `checkpoint:${root}:${file}`;
  item.description = `${formatNumber(learningRate)} · ${learningRateSource}`;
  item.iconPath = warned
    ? new ThemeIcon("warning", new ThemeColor("list.warningForeground"))
    : new ThemeIcon("circle-filled");
  item.tooltip = checkpointTooltip(checkpoint);
  item.resourceUri = Uri.joinPath(Uri.file(root), file);
  item.contextValue = previousRate === undefined ? "checkpoint" : "checkpoint.offered";
  item.accessibilityInformation = {
    label: l10n.t(
      "{0}, learning rate {1} from {2}{3}",
      name,
      formatNumber(learningRate),
      learningRateSource,
      warned ? `. ${warnings.join(" ")}` : "",
    ),
  };
  return item;
}

/** Which parameters count; a click chooses others. */
function layersItem(root: string, { layers, model }: ProjectSummary): TreeItem {
  const chosen = model.parameters.filter((parameter) => parameter.counted);
  const size = chosen.reduce(
    (total, { shape }) => total + shape.reduce((product, axis) => product * axis, 1),
    0,
  );
  const names = { all: l10n.t("All layers"), last: l10n.t("The last layer") };
  const item = new TreeItem(typeof layers === "string" ? names[layers] : layers.join(", "));
  item.id = `layers:${root}`;
  item.description = counted.parameters(size);
  item.iconPath = new ThemeIcon("layers");
  item.contextValue = "layers";
  const lines = chosen.map(({ name, shape }) => `${name} [${shape.join(", ")}]`);
  item.tooltip = `${l10n.t("Parameters that count:")}\n${listed(lines, "\n")}`;
  item.command = { command: "tracin.chooseLayers", title: l10n.t("Choose Layers") };
  return item;
}

/** The first of them, and how many more there are. */
function listed(names: readonly string[], separator: string): string {
  const rest = names.length - MOST_NAMES;
  const more = rest > 0 ? [l10n.t("and {0} more", rest)] : [];
  return [...names.slice(0, MOST_NAMES), ...more].join(separator);
}

function checkpointTooltip(checkpoint: CheckpointSummary): MarkdownString {
  const { file, learningRate, learningRateSource, weight, step, epoch, warnings } = checkpoint;
  const { prefix = "", groups = [], surplus = [], missing = [] } = checkpoint;
  const text = new MarkdownString("", true);
  const lines = [
    file,
    l10n.t("Learning rate {0}, from {1}", formatNumber(learningRate), learningRateSource),
    l10n.t("Weight in every score {0}", formatNumber(weight)),
    ...groups.map((group) =>
      l10n.t(
        "{0} for {1}",
        formatNumber(group.learningRate),
        group.parameters.length > MOST_NAMES
          ? counted.parameters(group.parameters.length)
          : group.parameters.join(", "),
      ),
    ),
    ...(prefix === "" ? [] : [l10n.t("Names have the prefix {0}", prefix)]),
    ...(surplus.length === 0 ? [] : [l10n.t("Not in the model: {0}", listed(surplus, ", "))]),
    ...(missing.length === 0
      ? []
      : [l10n.t("Not in the checkpoint, taken from the model file: {0}", listed(missing, ", "))]),
    ...(epoch === undefined ? [] : [l10n.t("Epoch {0}", epoch)]),
    ...(step === undefined ? [] : [l10n.t("Step {0}", step)]),
  ];
  for (const line of lines) {
    text.appendMarkdown(`${escapeMarkdown(line)}\n\n`);
  }
  for (const warning of warnings) {
    text.appendMarkdown(`$(warning) ${escapeMarkdown(warning)}\n\n`);
  }
  return text;
}

function warningItem(text: string): TreeItem {
  const item = new TreeItem(text);
  item.tooltip = text;
  item.iconPath = new ThemeIcon("lightbulb");
  return item;
}

function errorItem(root: string, error: TracInError): TreeItem {
  const where = new TracInError(error.kind, error.message, error.place).describe();
  const item = new TreeItem(
    where,
    error.remedy === undefined ? TreeItemCollapsibleState.None : TreeItemCollapsibleState.Expanded,
  );
  item.iconPath = new ThemeIcon("error", new ThemeColor("list.errorForeground"));
  item.tooltip = error.describe();
  item.contextValue = "error";
  item.command = {
    command: "vscode.open",
    title: l10n.t("Open tracin.json"),
    arguments: [Uri.joinPath(Uri.file(root), "tracin.json")],
  };
  return item;
}
