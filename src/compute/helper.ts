import { type ChildProcess, fork } from "node:child_process";
import { getHeapStatistics } from "node:v8";
import type { EncoderState } from "../core/datasets/encoder.ts";
import { type EngineSetting, likelyEngine } from "../core/engines/choose.ts";
import type { EngineName } from "../core/engines/engine.ts";
import { TracInError } from "../core/errors.ts";
import type { BlockJob, FinishedBlock } from "../core/index/blocks.ts";
import type { ExampleRange } from "../core/tracin/chunks.ts";
import type { LayerChoice } from "../core/tracin/layers.ts";
import type { ProfileSnapshot } from "../core/tracin/profile.ts";
import type { QuerySelection, ScoreChunk, ScoreProgress } from "../core/tracin/scores.ts";
import { computeEnvironment } from "../protocol/environment.ts";
import { type Client, connectTo, createClient, serve } from "../protocol/rpc.ts";

/** What a helper process opens, as the main process did. */
export interface HelperProject {
  readonly root: string;
  /** Configuration file relative to the root. */
  readonly config: string;
  readonly engine: EngineName;
  /** Bytes for weights, queries and batches of the helper. */
  readonly memoryLimit: number;
  /** Threads of its engine. */
  readonly threads: number;
  readonly layers: LayerChoice;
  readonly encoder: EncoderState;
  /** Whether it measures where its time goes. */
  readonly profile: boolean;
}

/** A question whose chunks helpers share with the main process. */
export interface HelperJob {
  readonly selection: readonly QuerySelection[];
  readonly aggregate: boolean;
  /** Most examples in a chunk. */
  readonly chunk: number;
  /** Examples of all processes together. */
  readonly examples: number;
}

/** The requests that a helper process serves. */
export interface HelperApi {
  open(project: HelperProject): void;
  /** Scores chunks until the caller has no more of them. */
  score(job: HelperJob): void;
  /** Computes blocks of an index until the caller has no more of them. */
  build(job: BlockJob): void;
  /** Where the time went; sessions are closed for it, so nothing should be under way. */
  profile(nothing: null): ProfileSnapshot;
}

/** What a helper asks of the process that started it while it scores. */
export interface HelperCallerApi {
  /** The next chunk to score; null when there is none. */
  next(nothing: null): ExampleRange | null;
  /** Takes a finished chunk; answered when there is room for another one. */
  deliver(chunk: ScoreChunk): void;
  /** Takes note of a finished block of an index; what belongs to it is on the disk. */
  deliverBlock(block: FinishedBlock): void;
}

/** How the caller serves a helper. */
interface Exchange {
  next(): ExampleRange | undefined;
  onProgress(progress: ScoreProgress): void;
}

/** How the caller serves a helper that scores. */
export interface ChunkExchange extends Exchange {
  deliver(chunk: ScoreChunk): Promise<void>;
}

/** How the caller serves a helper that computes blocks of an index. */
export interface BlockExchange extends Exchange {
  deliverBlock(block: FinishedBlock): void;
}

/** What a helper is given before its first job. */
const nothing: Exchange = { next: () => undefined, onProgress: () => undefined };

/** A process that scores chunks beside this one, until it is closed. */
export class Helper {
  private readonly child: ChildProcess;
  private readonly client: Client<HelperApi, ScoreProgress>;
  private opened: Promise<void> = Promise.resolve();
  private readonly died: Promise<never>;
  private isClosed = false;
  private exchange: Exchange & Partial<ChunkExchange & BlockExchange> = nothing;
  /** What the last job still does; a helper scores one at a time. */
  private last: Promise<unknown> = Promise.resolve();

  /**
   * @param memoryLimit bytes for weights, queries and batches
   * @param engine whose library it loads before it is told what to open
   */
  constructor(program: string, memoryLimit: number, engine: EngineName) {
    this.child = fork(program, [engine], {
      serialization: "advanced",
      execArgv: heapArguments(memoryLimit),
      env: { ...process.env, ...computeEnvironment, ELECTRON_RUN_AS_NODE: "1" },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const connection = connectTo(this.child);
    this.client = createClient<HelperApi, ScoreProgress>(connection);
    serve<HelperCallerApi, never>(connection, {
      next: () => this.exchange.next() ?? null,
      deliver: async (chunk) => this.exchange.deliver?.(chunk),
      deliverBlock: (block) => this.exchange.deliverBlock?.(block),
    });
    this.died = new Promise<never>((_, reject) => {
      this.child.once("error", (error) => reject(endedError(error.message, error)));
      this.child.once("exit", (code, name) => reject(endedError(name ?? `exit code ${code}`)));
    });
    this.died.catch(() => undefined);
  }

  /** Opens a project; jobs wait for it. */
  open(project: HelperProject): void {
    this.opened = this.settle(this.client.request("open", project));
    this.opened.catch(() => undefined);
  }

  /** True while the process can take another job: one that was told to end is not asked again while it does. */
  get isAlive(): boolean {
    return !this.isClosed && this.child.exitCode === null && this.child.signalCode === null;
  }

  /**
   * Scores chunks of a job until the exchange has no more. Aborting ends the process at once.
   * Throws kind `engine` when the process dies, and whatever fails in it.
   */
  score(job: HelperJob, exchange: ChunkExchange, signal: AbortSignal): Promise<void> {
    const { onProgress } = exchange;
    const start = () => this.client.request("score", job, { onProgress });
    return this.work(start, exchange, signal);
  }

  /** Computes blocks of an index until the exchange has no more; otherwise as {@link score}. */
  build(job: BlockJob, exchange: BlockExchange, signal: AbortSignal): Promise<void> {
    const { onProgress } = exchange;
    const start = () => this.client.request("build", job, { onProgress });
    return this.work(start, exchange, signal);
  }

  private async work(
    start: () => Promise<void>,
    exchange: Exchange,
    signal: AbortSignal,
  ): Promise<void> {
    const kill = () => this.close();
    signal.addEventListener("abort", kill, { once: true });
    try {
      await this.last.catch(() => undefined);
      await this.opened;
      signal.throwIfAborted();
      this.exchange = exchange;
      const work = start();
      this.last = work;
      await this.settle(work);
    } catch (error) {
      throw signal.aborted ? new TracInError("cancelled", "Cancelled.") : error;
    } finally {
      signal.removeEventListener("abort", kill);
    }
  }

  /** Where the time of its last jobs went. */
  async profile(): Promise<ProfileSnapshot> {
    await this.last.catch(() => undefined);
    return this.client.request("profile", null);
  }

  /** Ends the process. */
  close(): void {
    this.isClosed = true;
    this.child.kill("SIGKILL");
    this.client.dispose();
  }

  /** The answer, or why the process ended: the connection notices a death too, but the exit says more. */
  private async settle(answer: Promise<void>): Promise<void> {
    answer.catch(() => undefined);
    try {
      await Promise.race([answer, this.died]);
    } catch (error) {
      const failure = TracInError.from(error);
      const isConnection = failure.kind === "engine" && this.isAlive;
      throw isConnection
        ? await Promise.race([this.died, later(failure)]).catch((reason: unknown) => reason)
        : failure;
    }
  }
}

/** The helpers of one project. They are started when they are first needed and kept for the next question. */
export class Helpers {
  private readonly running: Helper[] = [];
  private project: HelperProject | undefined;
  private idle: NodeJS.Timeout | undefined;

  /**
   * @param program of a helper; without it there are none
   * @param memoryLimit bytes for each of them
   * @param engine that they will probably be told to use
   */
  constructor(
    private readonly program: string | undefined,
    private readonly memoryLimit: number,
    private readonly engine: EngineSetting,
  ) {}

  /** Lets all helpers open the project, those that run and those to come. */
  open(project: HelperProject): void {
    this.project = project;
    for (const helper of this.running) {
      helper.open(project);
    }
  }

  /** That many helpers, as far as there is a program for them. */
  take(count: number): readonly Helper[] {
    clearTimeout(this.idle);
    if (this.program === undefined) {
      return [];
    }
    const alive = this.running.filter((helper) => helper.isAlive);
    while (alive.length < count) {
      const helper = new Helper(this.program, this.memoryLimit, likelyEngine(this.engine));
      if (this.project !== undefined) {
        helper.open(this.project);
      }
      alive.push(helper);
    }
    this.running.splice(0, this.running.length, ...alive);
    return alive.slice(0, count);
  }

  /** Where the time of each of them went. */
  profiles(): Promise<readonly ProfileSnapshot[]> {
    return Promise.all(
      this.running.filter((helper) => helper.isAlive).map((helper) => helper.profile()),
    );
  }

  /** Number of processes that are kept. */
  get count(): number {
    return this.running.filter((helper) => helper.isAlive).length;
  }

  /** Ends the helpers after a while in which nobody asks. */
  rest(): void {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.close(), idleTime);
    this.idle.unref();
  }

  close(): void {
    clearTimeout(this.idle);
    for (const helper of this.running.splice(0)) {
      helper.close();
    }
  }
}

/** Milliseconds after a question for which helpers wait for the next one. */
const idleTime = 120_000;

/**
 * Room for JavaScript objects, where there is less without; tensors lie outside of this heap. V8 takes no code cache of a
 * process with other flags, so there are none where none are needed.
 */
function heapArguments(memoryLimit: number): string[] {
  return memoryLimit > getHeapStatistics().heap_size_limit
    ? [`--max-old-space-size=${Math.ceil(memoryLimit / 2 ** 20)}`]
    : [];
}

function endedError(reason: string, cause?: unknown): TracInError {
  return new TracInError(
    "engine",
    `A process that scored examples was ended (${reason}).`,
    {},
    "Lower the memory limit (tracin.memoryLimit, --memory-limit) or the number of processes (tracin.processes, --processes).",
    { cause },
  );
}

/** Waits a moment for the exit of the process before the failure as it is. */
function later(failure: TracInError): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(failure), 200));
}
