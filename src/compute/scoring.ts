import type { Config } from "../core/config/config.ts";
import { openProject } from "../core/config/open.ts";
import type { Project } from "../core/config/project.ts";
import { trainingData } from "../core/config/project.ts";
import type { EngineChoice } from "../core/engines/choose.ts";
import { TracInError } from "../core/errors.ts";
import { type Model, weightBytes } from "../core/models/model.ts";
import { chunksOf, chunksOfRows } from "../core/tracin/chunks.ts";
import type { Question } from "../core/tracin/compile.ts";
import type { LayerChoice } from "../core/tracin/layers.ts";
import { profiled, profiledEngine } from "../core/tracin/profile.ts";
import type { QuestionSizes } from "../core/tracin/question-sizes.ts";
import { Scorer } from "../core/tracin/scorer.ts";
import type { QuerySelection, ScoreChunk, ScoreProgress } from "../core/tracin/scores.ts";
import { type ChunkExchange, type Helper, type HelperJob, Helpers } from "./helper.ts";
import { closeIndex } from "./open-index.ts";
import { closePair } from "./pair.ts";
import {
  type ComputeSettings,
  type ComputeShare,
  dataMemory,
  engineFor,
  memoryPerProcess,
  shareOf,
} from "./settings.ts";
import { helpersFor, leastSeconds, Pace, promisesWork } from "./workload.ts";

/** A project with a scorer, and how they were opened. */
export interface ScorerInUse {
  readonly project: Project;
  readonly scorer: Scorer;
  readonly helpers: Helpers;
  readonly settings: ComputeSettings;
  readonly share: ComputeShare;
  /** The engine that runs, and why it was chosen. */
  readonly choice: EngineChoice;
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
  const helpers = newHelpers(settings);
  // Its library is loaded while the project is opened; whoever needs it hears of a failure.
  engineFor(settings).catch(() => undefined);
  let hasFailed = false;
  try {
    const onModel = (parsed: Config, model: Model) =>
      void promisesWork(root, parsed, model).then((isMuch) => {
        const { processes } = shareOf(settings, weightBytes(model));
        if (isMuch && processes > 1 && !hasFailed) {
          helpers.take(1);
        }
      });
    const project = await openProject(root, { config, onModel, memoryLimit: dataMemory(settings) });
    try {
      const opened = await attachScorer(project, options, helpers);
      return {
        ...opened,
        close: async () => {
          await closeScorer(opened);
          await project.close();
        },
      };
    } catch (error) {
      await project.close();
      throw error;
    }
  } catch (error) {
    hasFailed = true;
    helpers.close();
    throw error;
  }
}

function newHelpers(settings: ComputeSettings): Helpers {
  return new Helpers(settings.shardProgram, memoryPerProcess(settings), settings.engine);
}

/**
 * Compiles the model of an open project. Helpers whose work will certainly be wanted start meanwhile.
 */
export async function attachScorer(
  project: Project,
  options: Omit<OpenScorerOptions, "root">,
  helpers = newHelpers(options.settings),
): Promise<ScorerInUse> {
  const { config, settings } = options;
  const layers = options.layers ?? project.config.layers ?? "all";
  const share = shareOf(settings, weightBytes(project.model));
  const { threads, memory: memoryLimit } = share;
  try {
    const { profile } = settings;
    const found = await engineFor(settings);
    const engine = profile === undefined ? found.engine : profiledEngine(found.engine, profile);
    const choice = { ...found, engine };
    helpers.open({
      root: project.root,
      config,
      engine: engine.name,
      memoryLimit,
      threads,
      layers,
      encoder: project.encoder.state,
      profile: settings.profile !== undefined,
    });
    const scorer = await Scorer.probe(project, {
      engine,
      memoryLimit,
      threads,
      layers,
      profile,
    });
    // They load and probe while the examples are checked here.
    helpers.take(helpersFor(share, leastSeconds(scorer, trainingData(project).length)));
    helpers.rest();
    await scorer.checkExamples();
    return { project, scorer, helpers, settings, share, choice, config, layers };
  } catch (error) {
    helpers.close();
    throw error;
  }
}

/** Ends what {@link attachScorer} has started; the project stays open. */
export async function closeScorer({ scorer, helpers }: ScorerInUse): Promise<void> {
  helpers.close();
  await closePair(scorer);
  await closeIndex(scorer);
  await scorer.close();
}

export interface ScoringTask {
  readonly selection: readonly QuerySelection[];
  /** Sum the queries' gradients into one query. */
  readonly aggregate: boolean;
  /** Training examples to score, instead of all; the chunks' starts then count in this list. */
  readonly rows?: readonly number[] | undefined;
  /** Receives chunks in any order; the next ones are held back until its promise is settled. */
  readonly onChunk: (chunk: ScoreChunk) => void | Promise<void>;
  readonly onProgress?: ((progress: ScoreProgress) => void) | undefined;
  readonly signal: AbortSignal;
}

/** Milliseconds of a question after which the next one shall have all processes; it takes a third of a second to start one. */
const noticed = 50;
/** Fewest chunks for each process, so that they end at about the same time. */
const chunksEach = 2;

/** In how many examples at once the processes answer a planned question together. */
export function sharedSizes(
  { scorer, share: { processes } }: ScorerInUse,
  plan: Question,
  queries: number,
  examples: number,
): QuestionSizes {
  const most = processes > 1 ? Math.ceil(examples / (chunksEach * processes)) : undefined;
  return scorer.sizes(plan, queries, most);
}

/**
 * Scores the training examples. This process and its helpers take chunk after chunk from one list, so that all
 * finish together whatever their pace; a helper that has not started yet when the list is empty takes nothing.
 * All of them compute the same numbers.
 * @returns number of processes that worked
 */
export async function scoreAll(opened: ScorerInUse, task: ScoringTask): Promise<number> {
  const { project, scorer, helpers, settings } = opened;
  const { selection, aggregate } = task;
  const started = performance.now();
  const queries = aggregate ? Math.min(1, selection.length) : selection.length;
  const plan = await scorer.plan(queries, aggregate);
  const examples = task.rows?.length ?? trainingData(project).length;
  const { processes } = opened.share;
  const sizes = sharedSizes(opened, plan, queries, examples);
  const ends = { first: sizes.firstChunk, workers: processes };
  const chunks =
    task.rows === undefined
      ? chunksOf({ start: 0, end: examples }, sizes.chunk, ends)
      : chunksOfRows(task.rows, sizes.chunk, ends);
  const failed = new AbortController();
  const signal = AbortSignal.any([task.signal, failed.signal]);
  const total = examples * project.checkpoints.length;
  const done = [0];
  const workers = new Set<number>();
  let left = examples;
  let finish = (): void => undefined;

  const exchangeOf = (worker: number): ChunkExchange => ({
    next: () => (signal.aborted ? undefined : chunks.next()),
    deliver: async (chunk) => {
      await task.onChunk(chunk);
      workers.add(worker);
      left -= chunk.size;
      if (left === 0) {
        finish();
      }
    },
    onProgress: (progress) => {
      done[worker] = progress.done;
      const sum = done.reduce((all, count) => all + count, 0);
      task.onProgress?.({ phase: progress.phase, done: sum, total });
    },
  });
  const fail = (error: unknown) => failed.abort(error);
  const finished = new Promise<void>((resolve, reject) => {
    finish = resolve;
    failed.signal.addEventListener("abort", () => reject(failed.signal.reason), { once: true });
  });
  const job = { selection, aggregate, chunk: chunks.size, examples };
  const shared = new Set<Helper>();
  const share = (count: number): void => {
    for (const helper of helpers.take(count)) {
      if (shared.has(helper)) {
        continue;
      }
      shared.add(helper);
      done.push(0);
      const { next, deliver, onProgress } = exchangeOf(done.length - 1);
      const late = {
        next,
        deliver,
        onProgress: (progress: ScoreProgress) =>
          progress.phase === "scoring" && onProgress(progress),
      };
      helper.score(job, late, signal).catch((error: unknown) => left > 0 && fail(error));
    }
  };
  // Those that run already are used in any case.
  share(Math.max(helpers.count, helpersFor(opened.share, leastSeconds(scorer, examples))));
  const pace = new Pace();
  const own = exchangeOf(0);
  const onOwnProgress = (progress: ScoreProgress): void => {
    own.onProgress(progress);
    const alone = pace.secondsFor(total, progress);
    if (alone !== undefined && !signal.aborted) {
      share(helpersFor(opened.share, alone));
    }
  };
  const here = profiled(settings.profile, "scoring", () =>
    scorer.score(selection, { ...chunks, next: own.next }, own.deliver, {
      aggregate,
      onProgress: onOwnProgress,
      signal,
    }),
  );
  here.catch(fail);
  try {
    await (examples === 0 ? here : finished);
    await here;
    if (shared.size > 0) {
      task.onProgress?.({ phase: "scoring", done: total, total }); // helpers do not tell of every batch
    }
    if (settings.isServing && performance.now() - started >= noticed) {
      const others = helpers.take(processes - 1).filter((helper) => !shared.has(helper));
      makeReady(others, job, sizes);
    }
    return workers.size;
  } catch (error) {
    fail(error);
    await here.catch(() => undefined);
    throw task.signal.aborted
      ? new TracInError("cancelled", "Cancelled.")
      : TracInError.from(failed.signal.reason);
  } finally {
    helpers.rest();
  }
}

/**
 * Lets helpers score a batch for nobody, so that they have compiled what the next question of this kind will ask; not of a
 * model whose checkpoints are read for each chunk.
 */
export function makeReady(
  helpers: readonly Helper[],
  job: HelperJob,
  { firstChunk, keepsContexts }: QuestionSizes,
): void {
  for (const helper of keepsContexts ? helpers : []) {
    const { next } = chunksOf({ start: 0, end: Math.min(firstChunk, job.examples) }, firstChunk);
    const unheard = async () => undefined;
    const exchange = { next, deliver: unheard, onProgress: unheard };
    // What is wrong with it is told by the question that wants it.
    helper.score(job, exchange, new AbortController().signal).catch(() => undefined);
  }
}
