import {
  EventEmitter,
  FileDecoration,
  type FileDecorationProvider,
  l10n,
  type Uri,
  window,
  workspace,
} from "vscode";
import { imageHash } from "../core/datasets/image-hash.ts";
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
    const change = await this.changeOf(uri, first.place.imageHash);
    const badge = new FileDecoration(
      decision === undefined ? badgeText(first) : decisionBadge(decision),
      change === undefined ? tooltip : `${change} ${tooltip}`,
      lookColor(change !== undefined ? "changed" : decision === undefined ? first.kind : "decided"),
    );
    badge.propagate = false; // a folder is no example
    return badge;
  }

  /**
   * Says so where a file holds, or may hold, another image than when the run was begun. One that was written since, as a
   * checkout does, is compared by its content; by time alone where the run does not know its content.
   */
  private async changeOf(uri: Uri, known: string | undefined): Promise<string | undefined> {
    const begun = this.marks.begun;
    if (begun === undefined) {
      return undefined;
    }
    try {
      if ((await workspace.fs.stat(uri)).mtime <= begun) {
        return undefined;
      }
      if (known === undefined) {
        return l10n.t("The file was written after the run: it may be another image by now.");
      }
      return imageHash(await workspace.fs.readFile(uri)) === known
        ? undefined
        : l10n.t("The image has changed since the run.");
    } catch {
      return undefined; // a file that is gone has no badge either
    }
  }
}
