import { type Project, trainingData } from "../config/project.ts";
import { counted } from "../counted.ts";
import { type Fingerprints, type InputList, projectInputs } from "../store/inputs.ts";
import { namesKey, questionKey } from "./keys.ts";
import { type IndexManifest, readManifest } from "./manifest.ts";
import { mixedRates } from "./queries.ts";

/** Whether a workspace has an index that answers questions of the project as it is now. */
export type IndexState =
  | { readonly kind: "none" }
  | { readonly kind: "valid"; readonly manifest: IndexManifest }
  | {
      readonly kind: "stale";
      readonly manifest: IndexManifest;
      /** Why, as sentences. */
      readonly reasons: readonly string[];
    };

/** What an index depends on: the inputs of a run, without the configuration, whose rates may change. */
export async function indexInputs(project: Project, config: string): Promise<InputList> {
  const { files, imageFolders } = await projectInputs(project, config, ["train"]);
  return { files: files.filter((file) => file !== config), imageFolders };
}

/**
 * Compares the index of a workspace with its project. Files with the same size and time are taken as unchanged; others are
 * compared by content. Fewer checkpoints, and other rates, need no other index.
 *
 * @param parameters that count
 * @throws kind `store` when the index is damaged
 */
export async function indexState(
  project: Project,
  parameters: readonly string[],
  fingerprints: Fingerprints,
): Promise<IndexState> {
  const manifest = await readManifest(project.root);
  if (manifest === undefined) {
    return { kind: "none" };
  }
  const reasons = await differences(project, parameters, fingerprints, manifest);
  return reasons.length === 0 ? { kind: "valid", manifest } : { kind: "stale", manifest, reasons };
}

async function differences(
  project: Project,
  parameters: readonly string[],
  fingerprints: Fingerprints,
  manifest: IndexManifest,
): Promise<readonly string[]> {
  if (project.readPreconditioner !== undefined) {
    return ["gradients are preconditioned now"];
  }
  const reasons: string[] = [];
  const { length } = trainingData(project);
  if (length !== manifest.examples) {
    reasons.push(
      `it holds ${counted(manifest.examples, "example")}, and the training data has ${counted(length, "example")}`,
    );
  }
  if (questionKey(project, parameters) !== manifest.question) {
    reasons.push("the parameters that count, the loss or the features changed");
  }
  const known = new Map(manifest.checkpoints.map(({ file, names }) => [file, names]));
  for (const checkpoint of project.checkpoints) {
    const names = known.get(checkpoint.file);
    if (names === undefined) {
      reasons.push(`${checkpoint.file} is new`);
    } else if (names !== namesKey(checkpoint)) {
      reasons.push(`the names of ${checkpoint.file} are read differently`);
    }
    const mixed = mixedRates(manifest.groups, checkpoint);
    if (mixed !== undefined) {
      reasons.push(
        `${mixed.join(", ")} have different learning rates at ${checkpoint.file}, and the index keeps their sum`,
      );
    }
  }
  // A checkpoint that is not used any more may change.
  const unused = new Set(
    manifest.checkpoints
      .map(({ file }) => file)
      .filter((file) => project.checkpoints.every((checkpoint) => checkpoint.file !== file)),
  );
  const inputs = manifest.inputs.filter(({ path }) => !unused.has(path));
  const record = { inputs, checkpoints: [] };
  reasons.push(...(await fingerprints.changes(project.root, record)));
  return reasons;
}
