import {
  EventEmitter,
  FileDecoration,
  type FileDecorationProvider,
  type Uri,
  window,
} from "vscode";
import { Owner } from "../project/disposable.ts";
import { annotationSettings } from "../project/settings.ts";
import { lookColor } from "./colors.ts";
import type { ShownMarks } from "./shown-marks.ts";
import { badgeText, decisionBadge, decisionText, tooltipText } from "./text.ts";

const IMAGE = /\.(png|jpe?g)$/i;

/** Badges of the shown run on image files, in the Explorer and on tabs. */
export class ImageBadges extends Owner implements FileDecorationProvider {
  private readonly changed = this.own(new EventEmitter<undefined>());
  readonly onDidChangeFileDecorations = this.changed.event;

  constructor(private readonly marks: ShownMarks) {
    super();
    this.own(window.registerFileDecorationProvider(this));
    this.own(marks.onDidChange(() => this.changed.fire(undefined)));
    this.own(marks.onDidDecide(() => this.changed.fire(undefined)));
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
    const badge = new FileDecoration(
      decision === undefined ? badgeText(first) : decisionBadge(decision),
      tooltip,
      lookColor(decision === undefined ? first.kind : "decided"),
    );
    badge.propagate = false; // a folder is no example
    return badge;
  }
}
