import { commands, EventEmitter, type Uri, workspace } from "vscode";
import { Owner } from "../project/disposable.ts";
import { isInside, relativeTo } from "../project/paths.ts";
import type { Reviews } from "../project/reviews.ts";
import type { RunRef, Session } from "../project/session.ts";
import type { Mark } from "../protocol/lists.ts";
import type { Review } from "../protocol/reviews.ts";
import { byImportance } from "./text.ts";

/** The marks of a run by data file, and by image. */
interface Grouped {
  readonly run: RunRef;
  readonly byFile: ReadonlyMap<string, readonly Mark[]>;
  readonly byImage: ReadonlyMap<string, readonly Mark[]>;
}

/** The marks of the shown run, unless they are hidden: what rows, badges, lenses and problems have in common. */
export class ShownMarks extends Owner {
  private readonly changed = this.own(new EventEmitter<void>());
  /** Other marks are to be shown, or none, or in another way. */
  readonly onDidChange = this.changed.event;
  private readonly decided = this.own(new EventEmitter<void>());
  /** Something was decided about suspects, or a decision was taken back: the marks are the same, how they look is not. */
  readonly onDidDecide = this.decided.event;
  private grouped: Promise<Grouped> | undefined;
  private hidden = false;

  constructor(
    private readonly session: Session,
    private readonly reviews: Reviews,
  ) {
    super();
    this.own(
      reviews.onDidChange((root) => {
        if (root === this.run?.root) {
          this.decided.fire();
        }
      }),
    );
    this.own(session.onDidChangeRun(() => this.reset(false)));
    this.own(
      workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("tracin.annotations")) {
          this.reset(this.hidden);
        }
      }),
    );
  }

  /** The run whose marks are shown; undefined while they are hidden. */
  get run(): RunRef | undefined {
    return this.hidden ? undefined : this.session.run;
  }

  /** When the run was begun whose marks are shown, in milliseconds since 1970; undefined while that is not known. */
  get begun(): number | undefined {
    const { state } = this.session;
    return state.kind === "run" ? Date.parse(state.run.created) : undefined;
  }

  /** Takes all marks away until they are wanted again or another run is shown. */
  hide(): void {
    this.reset(true);
  }

  /** Shows what {@link hide} took away. */
  show(): void {
    this.reset(false);
  }

  /** What was decided about a suspect; undefined for other marks. */
  decisionOf(mark: Mark): Review | undefined {
    const { run } = this;
    return run === undefined || mark.kind !== "suspect"
      ? undefined
      : this.reviews.decisionOf(run.root, mark);
  }

  /** Says what may be hidden and shown, for menus. */
  async tellMenus(): Promise<void> {
    const { run } = this.session;
    await commands.executeCommand("setContext", "tracin.hasMarks", this.run !== undefined);
    const hidden = run !== undefined && this.hidden;
    await commands.executeCommand("setContext", "tracin.hasHiddenMarks", hidden);
  }

  /** Marks on the rows of a data file, the most important first; none when they cannot be read now. */
  async onRows(uri: Uri): Promise<readonly Mark[]> {
    return (await this.of(uri, ({ byFile }) => byFile)) ?? [];
  }

  /** Marks of an image, the most important first. */
  async onImage(uri: Uri): Promise<readonly Mark[]> {
    return (await this.of(uri, ({ byImage }) => byImage)) ?? [];
  }

  /** All marks, by data file relative to the run's folder. */
  async byFile(): Promise<ReadonlyMap<string, readonly Mark[]>> {
    return (await this.load())?.byFile ?? new Map();
  }

  private async of(
    uri: Uri,
    list: (grouped: Grouped) => ReadonlyMap<string, readonly Mark[]>,
  ): Promise<readonly Mark[] | undefined> {
    const { run } = this;
    if (run === undefined || uri.scheme !== "file" || !isInside(uri.fsPath, run.root)) {
      return undefined;
    }
    const grouped = await this.load();
    return grouped && list(grouped).get(relativeTo(run.root, uri.fsPath));
  }

  /** Undefined when nothing is shown, when the marks cannot be read now, and when another run came meanwhile. */
  private async load(): Promise<Grouped | undefined> {
    const { run } = this;
    if (run === undefined) {
      return undefined;
    }
    this.grouped ??= group(run, this.session.marks());
    const loading = this.grouped;
    try {
      const grouped = await loading;
      // Decisions that cannot be read are told where they are made; the marks are shown all the same.
      await this.reviews.load(run.root).catch(() => undefined);
      return grouped.run === this.run ? grouped : undefined;
    } catch {
      if (this.grouped === loading) {
        this.grouped = undefined; // the log says why; what asks next tries again
      }
      return undefined;
    }
  }

  private reset(hidden: boolean): void {
    this.hidden = hidden;
    this.grouped = undefined;
    void this.tellMenus();
    this.changed.fire();
  }
}

async function group(run: RunRef, marks: Promise<readonly Mark[]>): Promise<Grouped> {
  const byFile = new Map<string, Mark[]>();
  const byImage = new Map<string, Mark[]>();
  const add = (map: Map<string, Mark[]>, key: string, mark: Mark): void => {
    const list = map.get(key);
    if (list) {
      list.push(mark);
    } else {
      map.set(key, [mark]);
    }
  };
  for (const mark of [...(await marks)].sort(byImportance)) {
    add(byFile, mark.place.file, mark);
    if (mark.place.image !== undefined) {
      add(byImage, mark.place.image, mark);
    }
  }
  return { run, byFile, byImage };
}
