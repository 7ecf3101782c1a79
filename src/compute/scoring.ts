import { openProject } from "../core/config/open.ts";
import type { Project } from "../core/config/project.ts";
import { trainingData } from "../core/config/project.ts";
import { TracInError } from "../core/errors.ts";
import { sizeOf } from "../core/graph/tensor.ts";
import type { LayerChoice } from "../core/tracin/layers.ts";
import { Scorer } from "../core/tracin/scorer.ts";
import type { QuerySelection, ScoreChunk, ScoreProgress } from "../core/tracin/scores.ts";
import { type ComputeSettings, createEngine, memoryPerProcess, processesFor } from "./settings.ts";
import { type ShardJob, type ShardReport, scoreInProcess } from "./shards.ts";
import { type Pace, type Split, splitWork } from "./split.ts";

/** A project with a scorer, and how they were opened. */
export interface ScorerInUse {
  readonly project: Project;
  readonly scorer: Scorer;
  readonly settings: ComputeSettings;
  /** Configuration file relative to the root. */
  readonly config: string;
  readonly layers: LayerChoice;
}

/** One that its user closes. */
export interface OpenScorer extends ScorerInUse {
  close(): Promise<void>;
}

export interface OpenScorerOptions {
  readonly root: string;
  readonly config: string;
  readonly settings: ComputeSettings;
  /** Instead of the configuration's own choice. */
  readonly layers?: LayerChoice | undefined;
}

/** Opens a project and compiles its model. */
export async function openScorer(options: OpenScorerOptions): Promise<OpenScorer> {
  const { root, config, settings } = options;
  const project = await openProject(root, { config });
  const layers = options.layers ?? project.config.layers ?? "all";
  try {
    const scorer = await Scorer.open(project, {
      engine: createEngine(settings.engine),
      memoryLimit: memoryPerProcess(settings),
      layers,
    });
    return {
      project,
      scorer,
      settings,
      config,
      layers,
      close: async () => {
        await scorer.close();
        await project.close();
      },
    };
  } catch (error) {
    await project.close();
    throw error;
  }
}

export interface ScoringTask {
  readonly selection: readonly QuerySelection[];
  /** Sum the queries' gradients into one query. */
  readonly aggregate: boolean;
  /** Receives chunks in any order. */
  readonly onChunk: (chunk: ScoreChunk) => void | Promise<void>;
  readonly onProgress?: ((progress: ScoreProgress) => void) | undefined;
  readonly signal: AbortSignal;
}

/**
 * Scores all training examples. This process begins; once its pace shows that helper processes are worth their
 * start, they take a part of the examples each. All of them compute the same numbers.
 * @returns number of processes that worked
 */
export async function scoreAll(opened: ScorerInUse, task: ScoringTask): Promise<number> {
  const { project, scorer } = opened;
  const range = { start: 0, end: trainingData(project).length };
  const queries = task.aggregate ? Math.min(1, task.selection.length) : task.selection.length;
  const chunk = scorer.chunkSize(await scorer.plan(queries, task.aggregate), queries);
  const weights = project.model.weights.reduce((total, { shape }) => total + 4 * sizeOf(shape), 0);
  const processes = processesFor(opened.settings, weights);
  const failed = new AbortController();
  const signal = AbortSignal.any([task.signal, failed.signal]);
  /** Ends this process's share when helpers have the rest. */
  const share = new AbortController();
  const total = range.end * project.checkpoints.length;
  const done: number[] = [0];
  const received: Promise<void>[] = [];
  const helpers: Promise<void>[] = [];
  let limit = range.end;
  const report = (phase: ScoreProgress["phase"]) =>
    task.onProgress?.({ phase, done: done.reduce((sum, count) => sum + count, 0), total });

  const receive = (arrived: ScoreChunk) => {
    const taken = (async () => task.onChunk(arrived))();
    taken.catch((error: unknown) => failed.abort(error));
    received.push(taken);
  };
  const startHelpers = (split: Split) => {
    limit = split.limit;
    for (const shard of split.shards) {
      const place = done.push(0) - 1;
      const onReport = (message: ShardReport) => {
        if (message.kind === "progress") {
          done[place] = message.progress.done;
          report("scoring");
        } else {
          receive(message.chunk);
        }
      };
      const helper = scoreInProcess(
        opened.settings.shardProgram ?? "",
        { ...shardJob(opened, task), range: shard, chunk },
        onReport,
        signal,
      );
      helper.catch((error: unknown) => failed.abort(error));
      helpers.push(helper);
    }
  };

  const pace = new PaceMeter(chunk * project.checkpoints.length, chunk);
  const onProgress = (progress: ScoreProgress) => {
    done[0] = progress.done;
    report(progress.phase);
    if (
      progress.phase !== "scoring" ||
      helpers.length > 0 ||
      opened.settings.shardProgram === undefined
    ) {
      return;
    }
    const measured = pace.measure(progress.done);
    const split = measured && splitWork(range, measured, processes, chunk);
    if (split) {
      startHelpers(split);
    }
  };
  try {
    const own = scorer.score(
      task.selection,
      range,
      async (finished) => {
        await task.onChunk(finished);
        if (finished.start + finished.size >= limit && limit < range.end) {
          share.abort();
        }
      },
      {
        aggregate: task.aggregate,
        chunk,
        onProgress,
        signal: AbortSignal.any([signal, share.signal]),
      },
    );
    await own.catch((error: unknown) => {
      if (!share.signal.aborted || signal.aborted) {
        throw error;
      }
    });
    await Promise.all(helpers);
    await Promise.all(received);
    return helpers.length + 1;
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled([...helpers, ...received]);
    throw task.signal.aborted
      ? new TracInError("cancelled", "Cancelled.")
      : TracInError.from(failed.signal.reason);
  }
}

/** A helper's job, but for its range. */
function shardJob(opened: ScorerInUse, task: ScoringTask): Omit<ShardJob, "range" | "chunk"> {
  return {
    root: opened.project.root,
    config: opened.config,
    engine: opened.settings.engine,
    memoryLimit: memoryPerProcess(opened.settings),
    layers: opened.layers,
    encoder: opened.project.encoder.state,
    selection: task.selection,
    aggregate: task.aggregate,
  };
}

/** Measures examples per second, from the second batch on: the first one pays for compilation. */
class PaceMeter {
  private first: { readonly time: number; readonly done: number } | undefined;

  /**
   * @param perChunk units of progress in a chunk
   * @param chunk examples in a chunk
   */
  constructor(
    private readonly perChunk: number,
    private readonly chunk: number,
  ) {}

  measure(done: number): Pace | undefined {
    const time = performance.now();
    this.first ??= { time, done };
    const seconds = (time - this.first.time) / 1000;
    if (seconds < 0.05) {
      return undefined;
    }
    const chunks = (done - this.first.done) / this.perChunk;
    return {
      begun: Math.ceil(done / this.perChunk) * this.chunk,
      rate: (chunks * this.chunk) / seconds,
    };
  }
}
