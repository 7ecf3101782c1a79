import { type Project, trainingData } from "../config/project.ts";
import { counted } from "../counted.ts";
import { type Fingerprints, projectInputs } from "../store/inputs.ts";
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
    return ["gradients are preconditioned now, and no index keeps such ones"];
  }
  const reasons: string[] = [];
  const { length } = trainingData(project);
  if (length !== manifest.examples) {
    reasons.push(
      `it holds ${counted(manifest.examples, "example")}, and the training data has ${counted(length, "example")}`,
    );
  }
  if (JSON.stringify(parameters) !== JSON.stringify(manifest.parameters)) {
    const kept = manifest.layers === "all" ? "all layers" : `the layers "${manifest.layers}"`;
    reasons.push(`it was built for ${kept}, and other parameters count now`);
  } else if (questionKey(project, parameters) !== manifest.question) {
    reasons.push("the loss, the features or the settings of the training data changed");
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
  return [...reasons, ...(await changedInputs(project, fingerprints, manifest))];
}

/** What the project reads and the index was not built from, or what has changed since. What is not read any more may change. */
async function changedInputs(
  project: Project,
  fingerprints: Fingerprints,
  manifest: IndexManifest,
): Promise<readonly string[]> {
  const { files, imageFolders } = await projectInputs(project, ["train"]);
  const built = new Set(manifest.inputs.map(({ path }) => path));
  const checkpoints = new Set(project.checkpoints.flatMap(({ file, files = [file] }) => files));
  const read = new Set([...files, ...imageFolders]);
  const others = [...read].filter((path) => !built.has(path) && !checkpoints.has(path));
  const inputs = manifest.inputs.filter(({ path }) => read.has(path));
  return [
    ...others.map((path) => `it was built without ${path}`),
    ...(await fingerprints.changes(project.root, { inputs, checkpoints: [] })),
  ];
}
