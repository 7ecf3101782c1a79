import {
  EventEmitter,
  FileDecoration,
  type FileDecorationProvider,
  l10n,
  type Uri,
  window,
  workspace,
} from "vscode";
import { Owner } from "../project/disposable.ts";
import { annotationSettings } from "../project/settings.ts";
import { lookColor } from "./colors.ts";
import type { ShownMarks } from "./shown-marks.ts";
import { badgeText, decisionBadge, decisionText, tooltipText } from "./text.ts";

const IMAGE = /\.(png|jpe?g)$/i;

/** Badges of the shown run on image files, in the Explorer and on tabs. */
export class ImageBadges extends Owner implements FileDecorationProvider {
  private readonly changed = this.own(new EventEmitter<Uri | undefined>());
  readonly onDidChangeFileDecorations = this.changed.event;

  constructor(private readonly marks: ShownMarks) {
    super();
    this.own(window.registerFileDecorationProvider(this));
    this.own(marks.onDidChange(() => this.changed.fire(undefined)));
    this.own(marks.onDidDecide(() => this.changed.fire(undefined)));
    const watcher = this.own(
      workspace.createFileSystemWatcher("**/*.{png,jpg,jpeg}", true, false, true),
    );
    this.own(watcher.onDidChange((uri) => this.changed.fire(uri)));
  }

  async provideFileDecoration(uri: Uri): Promise<FileDecoration | undefined> {
    if (!IMAGE.test(uri.path) || !annotationSettings().badges) {
      return undefined;
    }
    const marks = await this.marks.onImage(uri);
    const [first] = marks;
    if (first === undefined) {
      return undefined;
    }
    const decision = this.marks.decisionOf(first);
    const tooltip = marks
      .map((mark) => {
        const decided = this.marks.decisionOf(mark);
        return decided === undefined ? tooltipText(mark) : decisionText(decided);
      })
      .join(" · ");
    const isChanged = await this.isChanged(uri);
    const reason = l10n.t("The file was written after the run: it may be another image by now.");
    const badge = new FileDecoration(
      decision === undefined ? badgeText(first) : decisionBadge(decision),
      isChanged ? `${reason} ${tooltip}` : tooltip,
      lookColor(isChanged ? "changed" : decision === undefined ? first.kind : "decided"),
    );
    badge.propagate = false; // a folder is no example
    return badge;
  }

  /** Whether a file was written after the run was begun: what its marks say is about another image. */
  private async isChanged(uri: Uri): Promise<boolean> {
    const begun = this.marks.begun;
    if (begun === undefined) {
      return false;
    }
    try {
      return (await workspace.fs.stat(uri)).mtime > begun;
    } catch {
      return false; // a file that is gone has no badge either
    }
  }
}
