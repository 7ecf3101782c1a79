import { datasetOf } from "../core/config/project.ts";
import { searchTexts } from "../core/datasets/search-text.ts";
import { TracInError } from "../core/errors.ts";
import { sliceFilter, type TestSlice } from "../core/evaluation/slice.ts";
import type { RowFilter } from "../core/store/filter.ts";
import type { Ranking } from "../core/store/reader.ts";
import type { RunTestSet } from "../core/store/record.ts";
import type { ReadTexts } from "../core/store/run-texts.ts";
import type { ComputeApi, Progress } from "../protocol/compute.ts";
import type { Preview } from "../protocol/examples.ts";
import type { Handlers } from "../protocol/rpc.ts";
import type { TestListRequest } from "../protocol/test-set.ts";
import { previewOf } from "./examples.ts";
import type { OpenRuns } from "./runs.ts";
import { toPlace } from "./summaries.ts";
import type { Workspaces } from "./workspace.ts";

/** Largest page that is answered; previews of more would block for long. */
const largestPage = 500;

/** The list of test examples that a slice and a filter stand for, the largest loss first unless told. */
export function testRanking(
  { outcome }: Pick<RunTestSet, "outcome">,
  { slice, filter, sort }: Pick<TestListRequest, "filter" | "sort"> & { readonly slice: TestSlice },
): Ranking {
  const own = sliceFilter(slice, outcome);
  const joined: RowFilter = {
    ...own,
    more: [filter?.text ?? ""],
    ranges: [...(own.ranges ?? []), ...(filter?.ranges ?? [])],
  };
  return {
    view: "all",
    query: -1,
    filter: joined,
    sort: sort ?? { column: "loss", descending: true },
  };
}

/** The requests about the test examples of a run. */
export function testSetHandlers(
  workspaces: Workspaces,
  runs: OpenRuns,
): Pick<Handlers<ComputeApi, Progress>, "testRows" | "testHistogram" | "checkTestFilter"> {
  const open = async (root: string, runId: string) => {
    const { table, testSet } = await (await runs.reader(root, runId)).tested();
    return { table, testSet, texts: textsOf(workspaces, root, testSet) };
  };
  return {
    testRows: async (request, { signal }) => {
      const { root, runId } = request;
      const { table, testSet, texts } = await open(root, runId);
      const offset = Math.max(0, request.offset);
      const limit = Math.min(request.limit, largestPage);
      const ranking = testRanking(testSet, request);
      const { total, scale, rows } = await table.page(ranking, offset, limit, texts, signal);
      return {
        total,
        scale,
        rows: await Promise.all(
          rows.map(async (row, position) => ({
            rank: offset + position + 1,
            index: row.index,
            place: toPlace(row),
            preview: await previewTest(workspaces, root, testSet, row.index),
            target: row.target,
            predicted: row.predicted,
            probability: row.predictedProbability,
            wrong: row.suggested,
            loss: row.loss,
            losses: row.parts,
          })),
        ),
      };
    },
    testHistogram: async ({ root, runId, column, bins, ...list }, { signal }) => {
      const { table, testSet, texts } = await open(root, runId);
      return table.histogram(testRanking(testSet, list), column, bins, texts, signal);
    },
    checkTestFilter: async ({ root, runId, text }, { signal }) => {
      const { table, texts } = await open(root, runId);
      const { kind, problem } = await table.check(-1, text, texts, signal);
      return { kind, problem, columns: table.columns(-1) };
    },
  };
}

/** A test example of a run; when the data has changed since, only that it cannot be shown. */
async function previewTest(
  workspaces: Workspaces,
  root: string,
  { dataset, examples }: RunTestSet,
  index: number,
): Promise<Preview> {
  try {
    return await workspaces.useProject(root, async (project) =>
      datasetOf(project, dataset).length === examples
        ? previewOf(project, dataset, index)
        : { kind: "text", text: "The test set has changed since." },
    );
  } catch (error) {
    return { kind: "text", text: error instanceof Error ? error.message : String(error) };
  }
}

function textsOf(workspaces: Workspaces, root: string, testSet: RunTestSet): ReadTexts {
  return (start, end) =>
    workspaces.useProject(root, async (project) => {
      const dataset = datasetOf(project, testSet.dataset);
      if (dataset.length !== testSet.examples) {
        throw new TracInError(
          "store",
          "The test set has changed since the run, so its texts cannot be searched.",
          {},
          "Explain the test set again, or use a condition on other columns.",
        );
      }
      return searchTexts(dataset, start, end);
    });
}
