import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import {
  type CancellationToken,
  commands,
  EventEmitter,
  type LogOutputChannel,
  l10n,
  window,
  workspace,
} from "vscode";
import { TracInError } from "../core/errors.ts";
import type { ComputeApi, Progress } from "../protocol/compute.ts";
import { computeEnvironment } from "../protocol/environment.ts";
import type { ComputeClient } from "../protocol/rpc.ts";
import { ComputeEnded } from "./compute-ended.ts";
import { Owner } from "./disposable.ts";
import { RestartLimit } from "./restart-limit.ts";
import { computeSettings, type EngineSetting } from "./settings.ts";

/** Parameters of a request of {@link ComputeApi}. */
export type Params<M extends keyof ComputeApi> = Parameters<ComputeApi[M]>[0];
/** Result of a request of {@link ComputeApi}. */
export type Result<M extends keyof ComputeApi> = ReturnType<ComputeApi[M]>;

/** How a request is watched and stopped. */
export interface RequestOptions {
  /** Either of the two cancels it. */
  readonly token?: CancellationToken;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

interface Running {
  readonly child: ChildProcess;
  readonly client: Promise<ComputeClient>;
  ended: boolean;
}

/**
 * The compute process: started with the first request, started again after a crash, ended with VS Code.
 * Nothing is computed in the extension host.
 */
export class Compute extends Owner {
  private running: Running | undefined;
  private pending = 0;
  private outdated = false;
  private readonly restarts = new RestartLimit(3, 60_000);
  private readonly ended = this.own(new EventEmitter<void>());
  /** The process ended and everything that it had opened is gone. */
  readonly onDidEnd = this.ended.event;

  /** @param tensorflowFolder where the TensorFlow engine is installed, if it is */
  constructor(
    private readonly program: string,
    readonly tensorflowFolder: string,
    private readonly log: LogOutputChannel,
  ) {
    super();
    this.own({ dispose: () => this.stop() });
    this.own(
      workspace.onDidChangeConfiguration((event) => {
        const ofProcess = ["tracin.engine", "tracin.processes", "tracin.memoryLimit"];
        this.outdated ||= ofProcess.some((setting) => event.affectsConfiguration(setting));
      }),
    );
  }

  /** The process id while the process runs. */
  get pid(): number | undefined {
    return this.running?.child.pid;
  }

  /** Asks the compute process. Throws a `TracInError`; kind `cancelled` when `token` was cancelled. */
  async request<M extends keyof ComputeApi>(
    method: M,
    params: Params<M>,
    options: RequestOptions = {},
  ): Promise<Result<M>> {
    if (this.outdated && this.pending === 0) {
      this.stop(); // the next process starts with the new settings
    }
    const running = this.running ?? this.start();
    const started = performance.now();
    this.pending++;
    try {
      const client = await running.client;
      const result = await client.request(method, params, options);
      this.log.debug(`${method}: ${Math.round(performance.now() - started)} ms`);
      return result;
    } catch (error) {
      const problem = TracInError.from(error);
      if (running.ended && problem.kind !== "cancelled") {
        throw new ComputeEnded(
          l10n.t("The compute process was ended while it worked."),
          l10n.t("It has been started again: run the command once more."),
        );
      }
      this.log[problem.kind === "cancelled" ? "info" : "error"](`${method}: ${problem.describe()}`);
      throw problem;
    } finally {
      this.pending--;
    }
  }

  /**
   * Starts the process if there is none, and gets it ready for what a person is about to ask.
   * @param compile whether the model is compiled as well, which takes time and memory
   */
  warmUp(root: string, compile: boolean): void {
    // Whatever is wrong is told when the person asks.
    this.request("warmUp", { root, compile }).catch(() => undefined);
  }

  /**
   * Lets an engine compute in a process of its own, which may die of it. Throws why the engine does not run here.
   * @returns which engine ran, and why
   */
  async checkEngine(engine: EngineSetting): Promise<string> {
    const child = this.fork();
    const client = await clientOf(child);
    const died = new Promise<never>((_, reject) => {
      const fail = (reason: string) =>
        reject(new TracInError("engine", l10n.t("The engine ended its process ({0}).", reason)));
      child.once("error", (error) => fail(error.message));
      child.once("exit", (code, signal) => fail(signal ?? l10n.t("exit code {0}", code ?? "?")));
    });
    died.catch(() => undefined);
    const answer = client.request("checkEngine", { engine });
    answer.catch(() => undefined);
    try {
      return await Promise.race([answer, died]);
    } finally {
      client.dispose();
      child.kill();
    }
  }

  /** Lets the next request start a new process, whatever happened before. */
  reset(): void {
    this.restarts.clear();
    this.stop();
  }

  private start(): Running {
    if (this.restarts.exhausted) {
      throw new TracInError(
        "engine",
        l10n.t("The compute process keeps ending and is not started again."),
        {},
        l10n.t("See the log for the reason, then run TracIn: Refresh to try again."),
      );
    }
    this.outdated = false;
    const child = this.fork();
    this.log.info(`Compute process ${child.pid ?? "?"} started.`);
    const running: Running = { child, client: clientOf(child), ended: false };
    this.running = running;
    child.once("error", (error) => this.log.error(error));
    child.once("exit", (code, signal) => this.handleExit(running, code, signal));
    return running;
  }

  private fork(): ChildProcess {
    const settings = computeSettings();
    const child = fork(this.program, [], {
      // VS Code's own binary acts as Node; no debugger flags of the extension host are passed on.
      execPath: process.execPath,
      execArgv: [],
      env: {
        ...process.env,
        ...computeEnvironment,
        ELECTRON_RUN_AS_NODE: "1",
        TRACIN_MEMORY_LIMIT: String(settings.memoryLimit),
        TRACIN_PROCESSES: String(settings.processes),
        TRACIN_ENGINE: settings.engine,
        TRACIN_TENSORFLOW: this.tensorflowFolder,
      },
      serialization: "advanced",
      silent: true,
    });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) {
        createInterface({ input: stream }).on("line", (line) => this.log.info(line));
      }
    }
    return child;
  }

  private handleExit(running: Running, code: number | null, signal: NodeJS.Signals | null): void {
    running.ended = true;
    void running.client.then((client) => client.dispose());
    if (this.running !== running) {
      return; // stopped on purpose
    }
    this.running = undefined;
    this.restarts.add();
    const reason = signal ?? l10n.t("exit code {0}", code ?? "?");
    this.log.error(`Compute process ${running.child.pid ?? "?"} was ended by ${reason}.`);
    const again = !this.restarts.exhausted;
    if (again) {
      this.start();
    }
    this.ended.fire();
    void this.tellExit(reason, again);
  }

  private async tellExit(reason: string, again: boolean): Promise<void> {
    const message = again
      ? l10n.t(
          "The compute process was ended by {0}. It was started again; VS Code is unharmed.",
          reason,
        )
      : l10n.t(
          "The compute process was ended by {0}, too often to start it again. Run TracIn: Refresh to try once more.",
          reason,
        );
    const showLog = l10n.t("Show Log");
    if ((await window.showErrorMessage(message, showLog)) === showLog) {
      await commands.executeCommand("tracin.showLog");
    }
  }

  private stop(): void {
    const running = this.running;
    this.running = undefined;
    if (running) {
      running.ended = true;
      void running.client.then((client) => client.dispose());
      running.child.kill();
    }
  }
}

/** Its library is loaded with the first process: activation goes without. */
async function clientOf(child: ChildProcess): Promise<ComputeClient> {
  const { createComputeClient } = await import("../protocol/rpc.ts");
  return createComputeClient(child);
}
