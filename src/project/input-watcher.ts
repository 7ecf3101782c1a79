import { EventEmitter, RelativePattern, Uri, workspace } from "vscode";
import { Owner } from "./disposable.ts";

/** A checkout or a training writes many files one after the other: they are told of once. */
const QUIET_MS = 300;

/** Tells when the inputs of projects change on disk, by whatever program. */
export class InputWatcher extends Owner {
  private readonly changed = this.own(new EventEmitter<string>());
  /** An input of the project with this root was written, came or went. */
  readonly onDidChange = this.changed.event;
  private watchers: readonly { dispose(): void }[] = [];
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private watched = "";

  /** Watches the inputs of these projects, and of no others. */
  watch(folders: readonly { readonly root: string; readonly inputs: readonly string[] }[]): void {
    const wanted = JSON.stringify(folders.map(({ root, inputs }) => [root, inputs]));
    if (wanted === this.watched) {
      return;
    }
    this.watched = wanted;
    this.stop();
    this.watchers = folders.flatMap(({ root, inputs }) =>
      inputs.flatMap((pattern) => {
        const watcher = workspace.createFileSystemWatcher(
          new RelativePattern(Uri.file(root), pattern),
        );
        const tell = ({ path }: Uri) => {
          // A run keeps its query's image: what is written there is no input, whatever it is called.
          if (!path.includes("/.tracin/")) {
            this.tell(root);
          }
        };
        return [
          watcher,
          watcher.onDidCreate(tell),
          watcher.onDidChange(tell),
          watcher.onDidDelete(tell),
        ];
      }),
    );
  }

  /** Tells at once: of what TracIn itself has changed. */
  tellNow(root: string): void {
    clearTimeout(this.timers.get(root));
    this.timers.delete(root);
    this.changed.fire(root);
  }

  override dispose(): void {
    this.stop();
    for (const timer of this.timers.values()) {
      clearTimeout(timer);
    }
    super.dispose();
  }

  private stop(): void {
    for (const watcher of this.watchers) {
      watcher.dispose();
    }
    this.watchers = [];
  }

  private tell(root: string): void {
    clearTimeout(this.timers.get(root));
    this.timers.set(
      root,
      setTimeout(() => this.tellNow(root), QUIET_MS),
    );
  }
}
