import { CancellationTokenSource, EventEmitter, type Memento } from "vscode";
import { TracInError } from "../core/errors.ts";
import type { Progress } from "../protocol/compute.ts";
import type { EarlyRanking } from "../protocol/early.ts";
import type { Mark } from "../protocol/lists.ts";
import type { PanelState } from "../protocol/panel.ts";
import type { RunSummary } from "../protocol/runs.ts";
import type { Compute, RequestOptions } from "./compute.ts";
import { Owner } from "./disposable.ts";
import type { Projects } from "./projects.ts";
import { RunMarks } from "./run-marks.ts";

/** Which run is shown, and of which project. */
export interface RunRef {
  readonly root: string;
  readonly runId: string;
}

/** Where the shown run is remembered over a reload. */
const REMEMBERED = "tracin.shownRun";

/** What is being looked at: the shown run or the running computation. The panel and the annotations follow it. */
export class Session extends Owner {
  private panel: PanelState = { kind: "empty", hasConfig: false };
  private ref: RunRef | undefined;
  /** The run that the panel showed last; it comes back when a computation is cancelled, or after its error. */
  private last: Extract<PanelState, { readonly kind: "run" }> | undefined;
  private job: { readonly root: string; readonly source: CancellationTokenSource } | undefined;
  private ranking: EarlyRanking | undefined;
  private readonly ofRun: RunMarks;
  private readonly panelChanged = this.own(new EventEmitter<PanelState>());
  private readonly earlyChanged = this.own(new EventEmitter<void>());
  private readonly runChanged = this.own(new EventEmitter<RunRef | undefined>());
  private readonly runsChanged = this.own(new EventEmitter<void>());
  /** The panel has something else to show. */
  readonly onDidChangePanel = this.panelChanged.event;
  /** The lists of what is being computed have other first places, or none. */
  readonly onDidChangeEarly = this.earlyChanged.event;
  /** Another run is shown, or none. */
  readonly onDidChangeRun = this.runChanged.event;
  /** Runs were written or deleted. */
  readonly onDidChangeRuns = this.runsChanged.event;

  constructor(
    private readonly compute: Compute,
    private readonly projects: Projects,
    private readonly memento: Memento,
  ) {
    super();
    this.ref = memento.get<RunRef>(REMEMBERED);
    this.ofRun = this.own(new RunMarks(compute));
    this.own(
      projects.onDidChange(() => {
        if (this.panel.kind === "empty") {
          this.show(this.empty());
        } else {
          void this.compareInputs(); // a tracin.json may have changed
        }
      }),
    );
    this.own(
      projects.onDidChangeInputs((root) => {
        if (root === this.ref?.root) {
          void this.compareInputs();
        } else {
          this.runsChanged.fire();
        }
      }),
    );
  }

  get state(): PanelState {
    return this.panel;
  }

  /** The run whose marks are shown. */
  get run(): RunRef | undefined {
    return this.ref;
  }

  /** The first places of what is being computed, once there are any. */
  get early(): EarlyRanking | undefined {
    return this.ranking;
  }

  /** The folder of what is shown: a computation under way, or a run. */
  get root(): string | undefined {
    return this.job?.root ?? this.ref?.root;
  }

  /** The folder that a question would be about while nothing is shown; undefined where there is none, or a run. */
  get awaited(): string | undefined {
    return this.panel.kind === "empty" ? this.projects.current?.root : undefined;
  }

  /** The folder of the shown run. Throws kind `cancelled` where another one is shown by now. */
  rootOf(runId: string): string {
    if (this.ref?.runId !== runId) {
      throw new TracInError("cancelled", "Another run is shown by now.");
    }
    return this.ref.root;
  }

  /**
   * Computes with progress and cancel, in the panel and in the status bar, and shows the run. A computation that
   * is still going on is cancelled first. Returns undefined when this one was cancelled; throws a `TracInError`.
   */
  async start(
    root: string,
    title: string,
    work: (options: RequestOptions) => Promise<RunSummary>,
  ): Promise<RunSummary | undefined> {
    this.cancel();
    if (this.panel.kind === "run") {
      this.last = this.panel;
    }
    const source = new CancellationTokenSource();
    const job = { root, source };
    this.job = job;
    this.projects.use(root);
    this.rank(undefined);
    this.show({ kind: "computing", title, progress: starting(title) });
    try {
      const run = await work({
        token: source.token,
        onProgress: ({ early, ...progress }) => {
          if (this.job !== job) {
            return;
          }
          if (early === undefined) {
            this.show({ kind: "computing", title, progress });
          } else {
            this.rank(early);
          }
        },
      });
      this.runsChanged.fire();
      if (this.job === job) {
        await this.showRun(root, run);
        this.runChanged.fire(this.ref);
      }
      return run;
    } catch (error) {
      const problem = TracInError.from(error);
      const cancelled = problem.kind === "cancelled" || source.token.isCancellationRequested;
      if (this.job === job) {
        if (cancelled) {
          this.showIdle();
        } else {
          this.show(errorState(problem, this.before?.run.title));
        }
      }
      if (cancelled) {
        return undefined;
      }
      throw problem;
    } finally {
      if (this.job === job) {
        this.job = undefined;
        this.rank(undefined);
      }
      source.dispose();
    }
  }

  /** Cancels what is being computed. */
  cancel(): void {
    this.job?.source.cancel();
  }

  /** Shows the run again that was shown before an error, or what there is to do where there was none. */
  goBack(): void {
    if (this.panel.kind === "error") {
      this.showIdle();
    }
  }

  /** Shows a saved run. */
  async open(ref: RunRef): Promise<void> {
    await this.showRun(ref.root, await this.find(ref));
    this.runChanged.fire(this.ref);
  }

  private find(ref: RunRef): Promise<RunSummary> {
    return this.compute.request("readRun", ref);
  }

  /** Shows the run of before the reload, if it is still there. Computes nothing and opens no view. */
  async restore(): Promise<void> {
    if (this.ref === undefined || this.panel.kind !== "empty") {
      return;
    }
    try {
      // The annotations know this run already, so they are not told that it changed.
      await this.showRun(this.ref.root, await this.find(this.ref));
    } catch (error) {
      if (TracInError.from(error).kind === "store") {
        await this.close(); // the run is gone
      }
    }
  }

  /** Shows no run any more. */
  async close(): Promise<void> {
    this.ref = undefined;
    this.ofRun.forget();
    this.last = undefined;
    this.show(this.empty());
    this.runChanged.fire(undefined);
    await this.memento.update(REMEMBERED, undefined);
  }

  /** Deletes a saved run; it is no longer shown. */
  async delete(ref: RunRef): Promise<void> {
    await this.compute.request("deleteRun", ref);
    if (this.ref?.root === ref.root && this.ref.runId === ref.runId) {
      await this.close();
    }
    this.runsChanged.fire();
  }

  /** The marks of the shown run. */
  async marks(): Promise<readonly Mark[]> {
    return this.ref === undefined ? [] : this.ofRun.of(this.ref);
  }

  /** Reads everything about the shown run again. */
  async reload(): Promise<void> {
    this.ofRun.forget();
    this.runsChanged.fire();
    if (this.ref !== undefined && this.job === undefined) {
      this.panel = this.empty();
      await this.restore();
    }
  }

  /** Says of the shown run, and of those in the list, whether their inputs have changed by now. */
  private async compareInputs(): Promise<void> {
    this.runsChanged.fire();
    const { ref, panel } = this;
    if (ref === undefined || panel.kind !== "run") {
      return;
    }
    const run = await this.find(ref).catch(() => undefined); // a run that is gone is told when it is used
    if (run !== undefined && this.panel === panel) {
      this.show({ ...panel, run });
    }
  }

  private async showRun(root: string, run: RunSummary): Promise<void> {
    const shown = this.ref?.root === root && this.ref.runId === run.id ? this.ref : undefined;
    const ref = shown ?? { root, runId: run.id };
    if (shown === undefined) {
      this.ofRun.forget();
    }
    this.ref = ref;
    this.projects.use(root);
    // Label names and the form of examples serve what is asked next, so a project that no longer opens still shows its runs.
    const project = await this.compute.request("open", { root }).catch(() => undefined);
    if (this.ref !== ref) {
      return;
    }
    this.show({
      kind: "run",
      run,
      labels: project?.labels,
      form: project?.form,
      scales: project?.scales,
    });
    await this.memento.update(REMEMBERED, ref);
  }

  private empty(): PanelState {
    return { kind: "empty", hasConfig: this.projects.all.length > 0 };
  }

  /** The run that the marks are of, as the panel showed it last. */
  private get before(): Session["last"] {
    const { last, ref } = this;
    return last !== undefined && last.run.id === ref?.runId ? last : undefined;
  }

  /** Shows what there is where nothing is computed. */
  private showIdle(): void {
    this.show(this.before ?? this.empty());
    void this.compareInputs(); // they may have changed meanwhile
  }

  private rank(ranking: EarlyRanking | undefined): void {
    if (ranking !== this.ranking) {
      this.ranking = ranking;
      this.earlyChanged.fire();
    }
  }

  private show(state: PanelState): void {
    this.panel = state;
    this.panelChanged.fire(state);
  }
}

function starting(message: string): Progress {
  return { phase: "opening", done: 0, total: 0, message };
}

function errorState(problem: TracInError, before: string | undefined): PanelState {
  const where = new TracInError(problem.kind, problem.message, problem.place);
  return { kind: "error", message: where.describe(), remedy: problem.remedy, before };
}
