import { findCheckpoints } from "../core/checkpoints/discover.ts";
import { parseConfig } from "../core/config/load.ts";
import { datasetOf, type Project } from "../core/config/project.ts";
import { writeConfig } from "../core/config/write.ts";
import { chooseEngine } from "../core/engines/choose.ts";
import { TracInError } from "../core/errors.ts";
import { loadDatabase } from "../core/store/duckdb.ts";
import { exportRanking } from "../core/store/export.ts";
import { Fingerprints } from "../core/store/inputs.ts";
import type { RunRecord } from "../core/store/record.ts";
import { deleteRun, listRuns, readRecord } from "../core/store/runs.ts";
import type { ScoreProgress } from "../core/tracin/scores.ts";
import type { ComputeApi, Progress } from "../protocol/compute.ts";
import type { EarlyRanking } from "../protocol/early.ts";
import type { CallContext, Handlers } from "../protocol/rpc.ts";
import type { RunSummary } from "../protocol/runs.ts";
import { planApply, relabelText, writeCleaned } from "./apply.ts";
import { columnScales } from "./column-scales.ts";
import { find } from "./current-examples.ts";
import { estimate } from "./estimate.ts";
import { describeExamples, placeOf, previewOf } from "./examples.ts";
import { checkGiven, selected } from "./given.ts";
import { keptText } from "./index-answer.ts";
import { buildIndex, buildProgress } from "./index-build.ts";
import { planIndex } from "./index-plan.ts";
import { type Question, runJob } from "./job.ts";
import { rankNeighbours, showNeighbours } from "./neighbours.ts";
import { pairOf } from "./pair.ts";
import { spaced, withMessage } from "./progress.ts";
import { decide, noteExcluded, reviewsOf, undoReview } from "./reviews.ts";
import { marksOf, OpenRuns, pageOf, rankingOf, suggestedItem } from "./runs.ts";
import type { JobOptions } from "./save-run.ts";
import type { ScorerInUse } from "./scoring.ts";
import { type ComputeSettings, engineFor, engineSetting } from "./settings.ts";
import { Setup } from "./setup.ts";
import {
  previewPlace,
  previewQuery,
  summarizeDamaged,
  summarizeProject,
  summarizeRun,
} from "./summaries.ts";
import { testSetHandlers } from "./test-lists.ts";
import { runTestSet } from "./test-set.ts";
import { areTextsSmall, locate, previewTraining, textsOf } from "./training.ts";
import { Turn } from "./turn.ts";
import { warmUp } from "./warm-up.ts";
import { Workspaces } from "./workspace.ts";

/** The requests of the compute process, over the open workspaces. */
export function createService(settings: ComputeSettings): Handlers<ComputeApi, Progress> {
  const workspaces = new Workspaces(settings);
  const runs = new OpenRuns();
  const fingerprints = new Fingerprints();
  const setup = new Setup();
  const oneAtATime = new Turn();
  let asked = new AbortController();
  const decisions = new Turn();

  const summary = (root: string, record: RunRecord): Promise<RunSummary> =>
    summarizeRun(root, record, fingerprints, (query) =>
      previewQuery(root, query, (action) => workspaces.useProject(root, action)),
    );

  const ranked = async (root: string, runId: string) => {
    const reader = await runs.reader(root, runId);
    return { record: reader.record, table: await reader.ranked() };
  };

  const computeRun = (
    root: string,
    run: (opened: ScorerInUse, options: JobOptions) => Promise<RunRecord>,
    { signal, report }: CallContext<Progress>,
  ) => {
    const started = performance.now();
    asked.abort(); // what warms up for a question gives way to it
    asked = new AbortController();
    report(withMessage({ phase: "opening", done: 0, total: 1 }));
    return oneAtATime.take(async () => {
      signal.throwIfAborted();
      let latest = withMessage({ phase: "scoring", done: 0, total: 0 });
      const tell = spaced(report);
      const onProgress = (progress: Progress) => {
        latest = progress;
        tell(progress);
      };
      const onRanking = (early: EarlyRanking) => report({ ...latest, early });
      const options = { fingerprints, started, onProgress, onRanking, signal };
      const record = await workspaces.useScorer(root, (opened) => run(opened, options));
      return summary(root, record);
    });
  };
  const compute = (
    root: string,
    ask: (project: Project) => Promise<Question>,
    context: CallContext<Progress>,
  ) =>
    computeRun(
      root,
      async (opened, options) => runJob(opened, await ask(opened.project), options),
      context,
    );

  return {
    open: ({ root }) =>
      workspaces.useProject(root, async (project) => ({
        ...summarizeProject(project),
        scales: await columnScales(project),
      })),
    warmUp: async ({ root, compile }, { signal }) => {
      const over = AbortSignal.any([signal, asked.signal]);
      const libraries = [engineFor(settings), loadDatabase()];
      const project = compile
        ? workspaces.useScorer(root, (opened) => warmUp(opened, over))
        : workspaces.useProject(root, async () => undefined);
      await Promise.allSettled([...libraries, project]);
    },
    planIndex: ({ root }) =>
      oneAtATime.take(() =>
        workspaces.useScorer(root, (opened) => planIndex(opened, fingerprints)),
      ),
    buildIndex: ({ root, settings: wanted }, { signal, report }) =>
      oneAtATime.take(async () => {
        signal.throwIfAborted();
        const tell = spaced(report);
        const { manifest, shards, computed } = await workspaces.useScorer(root, (opened) =>
          buildIndex(opened, {
            settings: wanted,
            fingerprints,
            onProgress: (progress) => tell(buildProgress(progress)),
            signal,
          }),
        );
        const { bytes, examples } = manifest;
        return { kept: keptText(manifest), bytes, examples, shards, computed };
      }),
    estimate: ({ root, layers }, { signal }) =>
      oneAtATime.take(async () => {
        signal.throwIfAborted();
        return layers === undefined
          ? workspaces.useScorer(root, (opened) => estimate(opened, signal))
          : workspaces.useLayers(root, layers, (opened) => estimate(opened, signal));
      }),
    explain: ({ root, queries, explain, useIndex }, context) =>
      compute(
        root,
        async (project) => ({
          ...(useIndex === undefined ? {} : { useIndex }),
          selection: await Promise.all(queries.map((query) => selected(project, query, explain))),
        }),
        context,
      ),
    checkExample: ({ root, given }) =>
      workspaces.useProject(root, (project) => checkGiven(project, given)),
    suspects: ({ root, useIndex = true }, context) =>
      compute(root, async () => ({ selection: [], useIndex }), context),
    explainTestSet: ({ root, dataset, slice, useIndex }, context) =>
      computeRun(
        root,
        (opened, options) => runTestSet(opened, { dataset, slice, useIndex }, options),
        context,
      ),
    listRuns: async ({ root }) =>
      Promise.all(
        (await listRuns(root)).map((run) =>
          run.ok
            ? summarizeRun(root, run.record, fingerprints, async (query) => previewPlace(query))
            : summarizeDamaged(run.id, run.error),
        ),
      ),
    readRun: async ({ root, runId }) => summary(root, await readRecord(root, runId)),
    deleteRun: async ({ root, runId }) => {
      runs.forget(root, runId);
      await deleteRun(root, runId);
    },
    rows: async (request, { signal }) => {
      const reader = await runs.reader(request.root, request.runId);
      return pageOf(
        reader,
        request,
        (examples) => previewTraining(workspaces, request.root, reader.record, examples),
        textsOf(workspaces, request.root, reader.record),
        signal,
      );
    },
    ...testSetHandlers(workspaces, runs),
    pair: async (request, { signal }) => {
      const { root, runId } = request;
      const record = await readRecord(root, runId);
      const files = await findCheckpoints(root, record.checkpointFiles).catch(() => []);
      const changes = await fingerprints.changes(root, record, files);
      return workspaces.useScorer(root, (opened) =>
        pairOf(opened, record, request, changes, signal),
      );
    },
    checkFilter: async ({ root, runId, query, text, readAhead }, { signal }) => {
      const { record, table } = await ranked(root, runId);
      const texts = textsOf(workspaces, root, record);
      if (
        readAhead === "typing" ||
        (readAhead === "shown" && (await areTextsSmall(workspaces, root)))
      ) {
        table.readAhead(texts);
      }
      const { kind, problem } = await table.check(query, text, texts, signal);
      return { kind, problem, columns: table.columns(query) };
    },
    histogram: async (request, { signal }) => {
      const { root, runId, column, bins } = request;
      const { record, table } = await ranked(root, runId);
      const texts = textsOf(workspaces, root, record);
      return table.histogram(rankingOf(request), column, bins, texts, signal);
    },
    marks: async ({ root, runId, limit, file }) =>
      marksOf(root, await runs.reader(root, runId), limit, file),
    reviews: ({ root }) => workspaces.useProject(root, reviewsOf),
    decide: ({ root, ...params }) =>
      decisions.take(() => workspaces.useProject(root, (project) => decide(project, params))),
    listed: async ({ root, runId, limit, ...list }, { signal }) => {
      const { record, table } = await ranked(root, runId);
      const ranking = rankingOf({ root, runId, ...list });
      const page = await table.page(ranking, 0, limit, textsOf(workspaces, root, record), signal);
      return { total: page.total, items: page.rows.map(suggestedItem) };
    },
    neighbours: ({ root, example, limit }, { signal, report }) =>
      oneAtATime.take(() =>
        workspaces.useScorer(root, async (opened) => {
          signal.throwIfAborted();
          const index = await find(opened.project, example);
          if (index === undefined) {
            throw new TracInError(
              "data",
              "The example has changed since the run, or is no longer there.",
              {},
              "Compute the run again.",
            );
          }
          const tell = spaced(report);
          const onProgress = (progress: ScoreProgress) => tell(withMessage(progress));
          const options = { fingerprints, onProgress, signal };
          const [ranked] = await rankNeighbours(opened, [index], Math.min(limit, 50), options);
          return showNeighbours(opened.project, ranked ?? { for: [], against: [] });
        }),
      ),
    planApply: ({ root }) => workspaces.useProject(root, planApply),
    relabelText: ({ root, dataset, text, ...labels }) =>
      workspaces.useProject(root, async (project) =>
        relabelText(project, datasetOf(project, dataset), text, labels),
      ),
    noteExcluded: ({ root, decisions: excluded }) =>
      decisions.take(() =>
        workspaces.useProject(root, (project) => noteExcluded(project, excluded)),
      ),
    writeCleaned: ({ root, dataset, to }) =>
      workspaces.useProject(root, (project) => writeCleaned(project, dataset, to)),
    exportRun: async ({ root, runId, to, ...list }, { signal }) => {
      const reader = await runs.reader(root, runId);
      const ranking = rankingOf({ root, runId, ...list });
      const isWhole = ranking.filter === undefined && ranking.sort === undefined;
      const texts = textsOf(workspaces, root, reader.record);
      const members = isWhole
        ? undefined
        : await (await reader.ranked()).members(ranking, texts, signal);
      await exportRanking(reader, root, ranking, to, members);
    },
    undoReview: ({ root }) => decisions.take(() => workspaces.useProject(root, undoReview)),
    locate: ({ root, file, line }) =>
      workspaces.useProject(root, async (project) => locate(project, file, line)),
    preview: ({ root, dataset, index }) =>
      workspaces.useProject(root, async (project) => {
        const [info] = await describeExamples(project, dataset, index, index + 1);
        return {
          place: placeOf(project, dataset, index),
          target: info?.target ?? "",
          preview: await previewOf(project, dataset, index),
        };
      }),
    detect: ({ root, answers }) => setup.detect(root, answers),
    checkEngine: async ({ engine }) => (await chooseEngine(engineSetting(engine))).reason,
    writeConfig: async ({ root, config }) => {
      await writeConfig(root, parseConfig(JSON.stringify(config)));
    },
  };
}
