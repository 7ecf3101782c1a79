import { readFile } from "node:fs/promises";
import { type GivenExample, readNewExample } from "../core/config/new-example.ts";
import { type Project, trainingData } from "../core/config/project.ts";
import { imageType } from "../core/datasets/images/decode.ts";
import { type NewExample, newExampleDataset } from "../core/datasets/new-example.ts";
import { previewExample } from "../core/datasets/preview.ts";
import { TracInError } from "../core/errors.ts";
import { resolveInside } from "../core/paths.ts";
import { runFolder } from "../core/store/folder.ts";
import type { RunQuery, RunRecord } from "../core/store/record.ts";
import { readRecord } from "../core/store/runs.ts";
import { datasetOfQuery, readingOf } from "../core/tracin/questions.ts";
import type { QuerySelection } from "../core/tracin/scores.ts";
import type { Preview, QueryRef } from "../protocol/examples.ts";
import type { ExplainedLabel } from "../protocol/runs.ts";
import { toPreview } from "./examples.ts";

/** A file that a run keeps of a query that stands in no dataset. */
export interface GivenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * The query that a person gives. Where it has no target, the prediction is explained instead.
 * Throws kind `data` when it is no example of the project.
 */
export async function givenQuery(
  project: Project,
  given: GivenExample,
  explain: QuerySelection["explain"],
): Promise<QuerySelection> {
  const example = await readNewExample(project, given);
  const isFree =
    explain === "target" &&
    !example.hasTarget &&
    ["probabilities", "positions"].includes(readingOf(project));
  return {
    dataset: nameOf(given),
    index: 0,
    explain: isFree ? "prediction" : explain,
    example,
  };
}

/** Reads and encodes what a person gives, as {@link givenQuery} and the scorer will; throws what they would throw. */
export async function checkGiven(project: Project, given: GivenExample): Promise<void> {
  const query = await givenQuery(project, given, "target");
  await project.encoder.encode(datasetOfQuery(project, query), 0, 1);
}

/** A query of a run once more, for another label. Throws kind `store` when the run has no such query. */
export async function queryAgain(
  project: Project,
  record: RunRecord,
  position: number,
  explain: QuerySelection["explain"],
): Promise<QuerySelection> {
  const query = record.queries[position];
  if (query === undefined) {
    throw new TracInError("store", `The run has no query ${position}.`);
  }
  if (query.given === undefined) {
    return { dataset: query.dataset, index: query.index, explain };
  }
  return givenQuery(project, await storedExample(project.root, query.given), explain);
}

/** What a run keeps of a new example, and where: its fields as JSON, its image, and its mask. */
export function keepExample(
  example: NewExample,
  target: readonly string[],
  id: string,
  position: number,
): { readonly files: readonly GivenFile[] } & Required<Pick<RunQuery, "given" | "place">> {
  const fields = Object.entries(example.fields).filter(
    ([column]) => example.hasTarget || !target.includes(column),
  );
  const json = `${JSON.stringify(Object.fromEntries(fields), null, 2)}\n`;
  const row = { name: `query-${position}.json`, bytes: Buffer.from(json) };
  const { image } = example;
  const extension = image && imageType(image) === "image/jpeg" ? "jpg" : "png";
  const picture = image && { name: `query-${position}.${extension}`, bytes: image };
  const mask = example.hasTarget && example.mask;
  const drawn = mask ? { name: `query-${position}.mask.png`, bytes: mask.bytes } : undefined;
  const path = (file: GivenFile) => `${runFolder(id)}/${file.name}`;
  return {
    files: [row, picture, drawn].filter((file) => file !== undefined),
    given: {
      row: path(row),
      ...(picture === undefined ? {} : { image: path(picture) }),
      ...(drawn === undefined ? {} : { mask: path(drawn) }),
    },
    place:
      picture === undefined
        ? { file: path(row), line: 0, lineCount: json.split("\n").length - 1 }
        : { file: path(picture), image: path(picture), line: 0, lineCount: 0 },
  };
}

/** What a person is shown of a new example that a run keeps, unless it is an image. */
export async function previewGiven(
  project: Project,
  given: NonNullable<RunQuery["given"]>,
): Promise<Preview> {
  const example = await readNewExample(project, await storedExample(project.root, given));
  const train = trainingData(project);
  const preview = toPreview(await previewExample(newExampleDataset(example, train), 0));
  const isOwn = (column: string) =>
    Object.hasOwn(example.fields, column) && (example.hasTarget || !train.target.includes(column));
  return preview.kind === "fields"
    ? { ...preview, entries: preview.entries.filter(([column]) => isOwn(column)) }
    : preview;
}

async function storedExample(
  root: string,
  { row, image, mask }: NonNullable<RunQuery["given"]>,
): Promise<GivenExample> {
  return {
    row: await readFile(await resolveInside(root, row), "utf8"),
    ...(image === undefined ? {} : { image: await resolveInside(root, image) }),
    ...(mask === undefined ? {} : { mask: await resolveInside(root, mask) }),
  };
}

function nameOf({ text, image }: GivenExample): string {
  return image !== undefined ? "new image" : text !== undefined ? "new text" : "new row";
}

/** The query that a person asks for. */
export async function selected(
  project: Project,
  query: QueryRef,
  explain: ExplainedLabel,
): Promise<QuerySelection> {
  if ("given" in query) {
    return givenQuery(project, query.given, explain);
  }
  if ("runId" in query) {
    const record = await readRecord(project.root, query.runId);
    return queryAgain(project, record, query.query, explain);
  }
  return { dataset: query.dataset, index: query.index, explain };
}
