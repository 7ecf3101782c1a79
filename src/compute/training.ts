import { datasetOf, type Project } from "../core/config/project.ts";
import { searchTexts } from "../core/datasets/search-text.ts";
import { TracInError } from "../core/errors.ts";
import type { RunRecord } from "../core/store/record.ts";
import type { ReadTexts } from "../core/store/run-texts.ts";
import type { ExampleRef, Preview } from "../protocol/examples.ts";
import { previewOf } from "./examples.ts";
import type { Workspaces } from "./workspace.ts";

/** The example at a line of a data file, or the one of an image file. */
export function locate(
  project: Project,
  file: string,
  line: number | undefined,
): ExampleRef | null {
  for (const dataset of project.datasets.values()) {
    const index =
      dataset.file === file && line !== undefined
        ? dataset.at({ line })
        : dataset.kind === "images"
          ? dataset.at({ image: file })
          : undefined;
    if (index !== undefined) {
      return { dataset: dataset.name, index };
    }
  }
  return null;
}

/** Training examples of a run; when the data has changed since, only that they cannot be shown. */
export async function previewTraining(
  workspaces: Workspaces,
  root: string,
  record: RunRecord,
  examples: readonly number[],
): Promise<readonly Preview[]> {
  const instead = (text: string) => examples.map((): Preview => ({ kind: "text", text }));
  try {
    // One use for all of them: each looks whether any file of the project has changed.
    return await workspaces.useProject(root, async (project) =>
      datasetOf(project, "train").length === record.examples
        ? Promise.all(examples.map((index) => previewOf(project, "train", index)))
        : instead("The training data has changed since."),
    );
  } catch (error) {
    return instead(error instanceof Error ? error.message : String(error));
  }
}

/** Reads the texts of a run's training examples. */
export function textsOf(workspaces: Workspaces, root: string, record: RunRecord): ReadTexts {
  return (start, end) =>
    workspaces.useProject(root, async (project) => {
      const dataset = datasetOf(project, "train");
      if (dataset.length !== record.examples) {
        throw new TracInError(
          "store",
          "The training data has changed since the run, so its texts cannot be searched.",
          {},
          "Compute the run again, or use a condition on other columns.",
        );
      }
      return searchTexts(dataset, start, end);
    });
}

/** Bytes and examples of training data whose texts are read before anybody searches them: two seconds of one core at most. */
const smallTexts = { bytes: 128 << 20, examples: 2_000_000 };

/** Whether the texts of the training data are soon read, and little memory holds them. */
export function areTextsSmall(workspaces: Workspaces, root: string): Promise<boolean> {
  return workspaces.useProject(root, async (project) => {
    const train = datasetOf(project, "train");
    const { kind, length } = train;
    return (
      kind === "table" &&
      length > 0 &&
      length <= smallTexts.examples &&
      train.locator(length - 1).end <= smallTexts.bytes
    );
  });
}
