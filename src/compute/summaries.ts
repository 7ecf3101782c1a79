import { readFile, stat } from "node:fs/promises";
import { findCheckpoints } from "../core/checkpoints/discover.ts";
import { checkpointFacts } from "../core/config/checkpoint-summary.ts";
import { exampleForm } from "../core/config/example-form.ts";
import type { Project } from "../core/config/project.ts";
import { imageType } from "../core/datasets/images/decode.ts";
import type { TracInError } from "../core/errors.ts";
import { sliceTitle } from "../core/evaluation/slice.ts";
import { pruneGraph } from "../core/graph/prune.ts";
import { resolveInside } from "../core/paths.ts";
import { runFolder } from "../core/store/folder.ts";
import type { Fingerprints } from "../core/store/inputs.ts";
import type { RunQuery, RunRecord } from "../core/store/record.ts";
import { ordersOf } from "../core/store/suspect-order.ts";
import { chooseParameters } from "../core/tracin/layers.ts";
import type { Place, Preview } from "../protocol/examples.ts";
import type { ProjectSummary } from "../protocol/project.ts";
import type { QueryCard, RunSummary } from "../protocol/runs.ts";
import { previewOf } from "./examples.ts";
import { previewGiven } from "./given.ts";

const largestPreview = 4 << 20;

/** What `tracin.json` amounts to. */
export function summarizeProject(project: Project): Omit<ProjectSummary, "scales"> {
  const { model, config, encoder, loss } = project;
  // As the scorer does: layers that the loss does not read have no part in "last".
  const outputs = model.graph.outputs.filter(({ name }) => name === loss.output);
  const read = pruneGraph({ ...model.graph, outputs });
  const counted = new Set(chooseParameters(read, project.parameters, config.layers ?? "all"));
  const shapes = new Map(model.weights.map(({ name, shape }) => [name, shape]));
  return {
    root: project.root,
    model: {
      file: model.file,
      parameters: project.parameters.map((name) => ({
        name,
        shape: shapes.get(name) ?? [],
        counted: counted.has(name),
      })),
      buffers: project.buffers,
    },
    checkpoints: project.checkpoints.map(checkpointFacts),
    datasets: [...project.datasets.values()].map(({ name, file, kind, length }) => ({
      name,
      file,
      kind,
      length,
    })),
    labels: encoder.labels,
    form: exampleForm(project),
    loss: loss.type,
    layers: config.layers ?? "all",
  };
}

/**
 * A run as lists and headers show it, with what changed since.
 * @param project for previews of queries that are no images; called only when one is needed
 */
export async function summarizeRun(
  root: string,
  record: RunRecord,
  fingerprints: Fingerprints,
  preview: (query: RunQuery) => Promise<Preview>,
): Promise<RunSummary> {
  const files = await findCheckpoints(root, record.checkpointFiles).catch(() => []);
  return {
    id: record.id,
    kind: record.kind,
    created: record.created,
    title: record.title,
    folder: runFolder(record.id),
    examples: record.examples,
    checkpoints: record.checkpoints.map(toCheckpoint),
    layers: record.layers,
    engine: record.engine,
    ...(record.preconditioner === undefined ? {} : { preconditioned: true }),
    ...(record.index === undefined ? {} : { index: indexOf(record.index) }),
    ...(record.indexUnused === undefined ? {} : { indexUnused: record.indexUnused }),
    seconds: record.seconds,
    reading: record.reading,
    orders: ordersOf(record),
    queries: await Promise.all(
      record.queries.map(async (query) => toCard(record, query, await preview(query))),
    ),
    ...(record.testSet === undefined
      ? {}
      : { testSet: { ...record.testSet, sliceTitle: sliceTitle(record.testSet.slice) } }),
    changes: await fingerprints.changes(root, record, files),
  };
}

/** What is said of an index that a run asked; its examples with exact scores stand with their rows. */
function indexOf({
  exactRows,
  ...index
}: NonNullable<RunRecord["index"]>): NonNullable<RunSummary["index"]> {
  return { ...index, computed: exactRows.length };
}

/** A run that cannot be read, in the list all the same: its one change is what is wrong with it. */
export function summarizeDamaged(id: string, error: TracInError): RunSummary {
  return {
    id,
    kind: "explain",
    created: new Date(0).toISOString(),
    title: `${id} (cannot be read)`,
    folder: runFolder(id),
    examples: 0,
    checkpoints: [],
    layers: "",
    engine: "",
    seconds: 0,
    reading: "none",
    orders: ordersOf({}),
    queries: [],
    changes: [error.describe()],
  };
}

/** Preview of a query: its image straight from the file, anything else through the project. */
export async function previewQuery(
  root: string,
  query: RunQuery,
  useProject: (action: (project: Project) => Promise<Preview>) => Promise<Preview>,
): Promise<Preview> {
  const { image } = query.place;
  try {
    if (image !== undefined) {
      return await imagePreview(root, image);
    }
    return await useProject((project) =>
      query.given === undefined
        ? previewOf(project, query.dataset, query.index)
        : previewGiven(project, query.given),
    );
  } catch {
    return previewPlace(query);
  }
}

/** A query by its place alone: nothing is read. */
export function previewPlace({ place: { image, file, line } }: RunQuery): Preview {
  return { kind: "text", text: image ?? `${file}:${line + 1}` };
}

async function imagePreview(root: string, image: string): Promise<Preview> {
  const path = await resolveInside(root, image);
  const { size } = await stat(path);
  const bytes = size <= largestPreview ? await readFile(path) : new Uint8Array();
  const mime = imageType(bytes);
  return mime === undefined
    ? { kind: "text", text: image }
    : { kind: "image", mime, bytes: new Uint8Array(bytes) };
}

function toCheckpoint(
  checkpoint: RunRecord["checkpoints"][number],
): RunSummary["checkpoints"][number] {
  const { step, epoch, prefix, groups, ...rest } = checkpoint;
  return {
    ...rest,
    ...(prefix === undefined ? {} : { prefix }),
    ...(groups === undefined ? {} : { groups }),
    ...(step === undefined ? {} : { step }),
    ...(epoch === undefined ? {} : { epoch }),
  };
}

function toCard(record: RunRecord, query: RunQuery, preview: Preview): QueryCard {
  return {
    dataset: query.dataset,
    index: query.index,
    ...(query.given === undefined ? {} : { given: true as const }),
    place: toPlace(query.place),
    preview,
    target: query.target,
    reading: record.reading,
    prediction: query.prediction,
    positions: query.positions,
    outputs: query.outputs,
    ...(isChoosable(record, query) ? { choosable: true } : {}),
    explained: query.explained,
    losses: query.losses,
  };
}

/** Whether the loss has a part for each of the values that a prediction is. */
function isChoosable({ loss, reading }: RunRecord, { prediction }: RunQuery): boolean {
  return reading === "values" && loss !== "output" && prediction.length > 1;
}

/** A place without absent fields. */
export function toPlace(place: {
  readonly file: string;
  readonly line: number;
  readonly lineCount: number;
  readonly image?: string | undefined;
  readonly rowHash?: number | undefined;
}): Place {
  const { file, line, lineCount, image, rowHash } = place;
  return {
    file,
    line,
    lineCount,
    ...(image === undefined ? {} : { image }),
    ...(rowHash === undefined ? {} : { rowHash }),
  };
}
