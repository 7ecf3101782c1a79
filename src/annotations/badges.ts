import {
  EventEmitter,
  FileDecoration,
  type FileDecorationProvider,
  type Uri,
  window,
  workspace,
} from "vscode";
import { Owner } from "../project/disposable.ts";
import { isInside, relativeTo } from "../project/paths.ts";
import type { Session } from "../project/session.ts";
import { annotationSettings } from "../project/settings.ts";
import type { Mark } from "../protocol/compute.ts";
import { markColor } from "./colors.ts";
import { badgeText, byImportance, tooltipText } from "./text.ts";

const IMAGE = /\.(png|jpe?g)$/i;

/** Badges of the shown run on image files, in the Explorer and on tabs. */
export class ImageBadges extends Owner implements FileDecorationProvider {
  private readonly changed = this.own(new EventEmitter<undefined>());
  readonly onDidChangeFileDecorations = this.changed.event;
  private byImage: Promise<ReadonlyMap<string, readonly Mark[]>> | undefined;
  private hidden = false;

  constructor(private readonly session: Session) {
    super();
    this.own(window.registerFileDecorationProvider(this));
    this.own(session.onDidChangeRun(() => this.reset(false)));
    this.own(
      workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("tracin.annotations")) {
          this.reset(this.hidden);
        }
      }),
    );
  }

  /** Takes all badges away until a run is shown again. */
  clear(): void {
    this.reset(true);
  }

  async provideFileDecoration(uri: Uri): Promise<FileDecoration | undefined> {
    const run = this.session.run;
    const wanted = run !== undefined && !this.hidden && annotationSettings().badges;
    if (
      !wanted ||
      uri.scheme !== "file" ||
      !IMAGE.test(uri.path) ||
      !isInside(uri.fsPath, run.root)
    ) {
      return undefined;
    }
    this.byImage ??= this.group();
    const marks = (await this.byImage).get(relativeTo(run.root, uri.fsPath));
    const first = marks?.[0];
    return first === undefined
      ? undefined
      : new FileDecoration(
          badgeText(first),
          marks?.map(tooltipText).join(" · "),
          markColor(first.kind),
        );
  }

  private async group(): Promise<ReadonlyMap<string, readonly Mark[]>> {
    const images = new Map<string, Mark[]>();
    try {
      for (const mark of await this.session.marks()) {
        if (mark.place.image !== undefined) {
          images.set(mark.place.image, [...(images.get(mark.place.image) ?? []), mark]);
        }
      }
    } catch {
      this.byImage = undefined; // the log says why
    }
    for (const marks of images.values()) {
      marks.sort(byImportance);
    }
    return images;
  }

  private reset(hidden: boolean): void {
    this.hidden = hidden;
    this.byImage = undefined;
    this.changed.fire(undefined);
  }
}
