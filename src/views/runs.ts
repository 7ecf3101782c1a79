import {
  EventEmitter,
  l10n,
  ThemeColor,
  ThemeIcon,
  type TreeDataProvider,
  TreeItem,
  type TreeView,
  window,
  workspace,
} from "vscode";
import { TracInError } from "../core/errors.ts";
import type { Compute } from "../project/compute.ts";
import { counted } from "../project/counted.ts";
import { Owner } from "../project/disposable.ts";
import type { Projects } from "../project/projects.ts";
import type { Session } from "../project/session.ts";
import type { RunSummary } from "../protocol/runs.ts";
import { formatTime } from "./format.ts";

/** A saved run of a project, as the Runs view and its commands hand it around. */
export interface RunNode {
  readonly kind: "run";
  readonly root: string;
  readonly project: string;
  readonly run: RunSummary;
}

type Node = RunNode | { readonly kind: "error"; readonly message: string };

/** The saved runs, newest first. */
export class RunsView extends Owner implements TreeDataProvider<Node> {
  private readonly changed = this.own(new EventEmitter<undefined>());
  readonly onDidChangeTreeData = this.changed.event;
  private readonly view: TreeView<Node>;

  constructor(
    private readonly compute: Compute,
    private readonly projects: Projects,
    private readonly session: Session,
  ) {
    super();
    this.view = this.own(window.createTreeView("tracin.runs", { treeDataProvider: this }));
    this.own(projects.onDidChange(() => this.refresh()));
    this.own(session.onDidChangeRuns(() => this.refresh()));
    this.own(session.onDidChangeRun(() => this.refresh()));
    const watcher = this.own(workspace.createFileSystemWatcher("**/.tracin/runs/*/run.json"));
    for (const event of [watcher.onDidCreate, watcher.onDidDelete]) {
      this.own(event(() => this.refresh()));
    }
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  async getChildren(node?: Node): Promise<Node[]> {
    if (node !== undefined) {
      return [];
    }
    const lists = await Promise.all(this.projects.all.map((folder) => this.list(folder)));
    const nodes = lists.flat();
    const stale = nodes.filter((item) => item.kind === "run" && item.run.changes.length > 0);
    this.view.message =
      stale.length > 0 ? l10n.t("Marked runs: their inputs have changed since.") : "";
    return nodes.sort((a, b) => created(b).localeCompare(created(a)));
  }

  getTreeItem(node: Node): TreeItem {
    return node.kind === "run" ? this.runItem(node) : errorItem(node.message);
  }

  private async list(folder: { root: string; name: string }): Promise<Node[]> {
    try {
      const runs = await this.compute.request("listRuns", { root: folder.root });
      return runs.map((run) => ({ kind: "run", root: folder.root, project: folder.name, run }));
    } catch (error) {
      return [{ kind: "error", message: TracInError.from(error).describe() }];
    }
  }

  private runItem({ root, project, run }: RunNode): TreeItem {
    const item = new TreeItem(run.title);
    const stale = run.changes.length > 0;
    const shown = this.session.run?.root === root && this.session.run.runId === run.id;
    item.id = `run:${root}:${run.id}`;
    item.description = [
      ...(shown ? [l10n.t("shown")] : []),
      ...(stale ? [l10n.t("inputs changed")] : []),
      formatTime(run.created),
      ...(this.projects.all.length > 1 ? [project] : []),
    ].join(" · ");
    item.iconPath = stale
      ? new ThemeIcon("warning", new ThemeColor("list.warningForeground"))
      : new ThemeIcon(ICONS[run.kind]);
    item.tooltip = [
      run.title,
      l10n.t(
        "{0}, {1}, layers {2}, {3} s",
        counted.trainingExamples(run.examples),
        counted.checkpoints(run.checkpoints.length),
        run.layers,
        run.seconds.toFixed(1),
      ),
      ...run.changes,
    ].join("\n");
    item.contextValue = "run";
    item.command = {
      command: "tracin.openRun",
      title: l10n.t("Open Run"),
      arguments: [{ kind: "run", root, project, run }],
    };
    return item;
  }
}

const ICONS = { explain: "lightbulb", testSet: "beaker", suspects: "search" } as const;

function created(node: Node): string {
  return node.kind === "run" ? node.run.created : "";
}

function errorItem(message: string): TreeItem {
  const item = new TreeItem(message);
  item.iconPath = new ThemeIcon("error", new ThemeColor("list.errorForeground"));
  item.tooltip = message;
  return item;
}
