import { writeFile } from "node:fs/promises";
import { posix, resolve } from "node:path";
import type { SourceConfig } from "../core/config/config.ts";
import { datasetOf, type Project } from "../core/config/project.ts";
import { hasLines, isImageFolder } from "../core/datasets/content.ts";
import type { Dataset } from "../core/datasets/dataset.ts";
import { copyWithEdits, fileFacts, readRecords } from "../core/datasets/edits/file.ts";
import {
  newValue,
  type RecordFormat,
  relabelRecord,
  replaced,
} from "../core/datasets/edits/relabel.ts";
import { TracInError } from "../core/errors.ts";
import { resolveExisting } from "../core/paths.ts";
import type {
  ApplyPlan,
  ApplyRow,
  CleanedCopy,
  Refusal,
  RefusalReason,
  Review,
  TextChange,
} from "../protocol/reviews.ts";
import { reviewsOf } from "./reviews.ts";

/** VS Code hands no larger document to extensions. */
const largestDocument = 50 * 1024 * 1024;

/** How the open decisions of a project change its files. */
export async function planApply(project: Project): Promise<ApplyPlan> {
  const { reviews } = await reviewsOf(project);
  const rows: ApplyRow[] = [];
  const moves: ApplyPlan["moves"][number][] = [];
  const refused: Refusal[] = [];
  for (const dataset of project.datasets.values()) {
    const ofDataset = reviews.filter((review) => review.dataset === dataset.name);
    refused.push(...outdated(ofDataset));
    const open = inOrder(ofDataset.filter(({ state }) => state === "open"));
    if (open.length === 0) {
      continue;
    }
    if (isImageFolder(dataset)) {
      for (const review of open) {
        const to = movedTo(project, dataset, review);
        const { id, place } = review;
        if (to === undefined) {
          refused.push({ file: place.file, reason: { kind: "folderUnclear" } });
        } else {
          moves.push({ from: place.file, to, id });
        }
      }
      continue;
    }
    const reason = await documentProblem(project, dataset);
    if (reason !== undefined) {
      refused.push({ file: dataset.file, reason });
      continue;
    }
    const changes = await recordChanges(project, dataset, open);
    rows.push(...changes.rows.map(({ start: _, end: __, ...row }) => row));
    refused.push(...changes.refused);
  }
  return { rows, moves, refused };
}

/** Writes a copy of a dataset with the decisions applied, or the indices that they are about. */
export async function writeCleaned(
  project: Project,
  name: string,
  to: string,
): Promise<CleanedCopy> {
  const dataset = datasetOf(project, name);
  const reviews = (await reviewsOf(project)).reviews.filter((review) => review.dataset === name);
  const open = inOrder(reviews.filter(({ state }) => state === "open"));
  const refused = outdated(reviews);
  if (isImageFolder(dataset) || !hasLines(dataset)) {
    const lines = open.map(({ index, decision, place }) =>
      JSON.stringify({
        index,
        ...(place.image === undefined ? {} : { image: place.image }),
        decision: decision.kind,
        ...(decision.kind === "relabel" ? { to: decision.to } : {}),
      }),
    );
    await writeFile(to, lines.map((line) => `${line}\n`).join(""));
    return { ...counts(open), kind: "indices", refused };
  }
  const { absolute } = await resolveExisting(project.root, dataset.file);
  if (resolve(to) === absolute) {
    throw new TracInError(
      "store",
      "The cleaned copy would overwrite the dataset.",
      { file: dataset.file },
      "Choose another name.",
    );
  }
  const { rows, refused: unread } = await recordChanges(project, dataset, open);
  const edits = rows.map(({ start, end, text, replacement }) => ({
    start,
    end,
    text: replacement === null ? undefined : replaced(text, replacement),
  }));
  await copyWithEdits(absolute, to, edits);
  const excluded = edits.filter(({ text }) => text === undefined).length;
  return {
    relabelled: edits.length - excluded,
    excluded,
    kind: "copy",
    refused: [...refused, ...unread],
  };
}

function inOrder(reviews: readonly Review[]): readonly Review[] {
  return reviews.toSorted((a, b) => a.index - b.index);
}

function counts(open: readonly Review[]): Pick<CleanedCopy, "relabelled" | "excluded"> {
  const excluded = open.filter(({ decision }) => decision.kind === "exclude").length;
  return { relabelled: open.length - excluded, excluded };
}

/** Decisions that no longer fit the data. */
function outdated(reviews: readonly Review[]): readonly Refusal[] {
  return reviews.flatMap(({ state, decision, place, from }): Refusal[] => {
    const file = place.lineCount > 0 ? `${place.file}:${place.line + 1}` : place.file;
    if (state === "changed" && decision.kind !== "keep") {
      return [{ file, reason: { kind: "labelChanged", from } }];
    }
    return state === "gone" ? [{ file, reason: { kind: "gone" } }] : [];
  });
}

/** A change of a record, which is bytes [start, end) of its file. */
interface RecordChange extends ApplyRow {
  readonly start: number;
  readonly end: number;
}

/** The changes of the records of a text file, in its order. */
async function recordChanges(
  project: Project,
  dataset: Dataset,
  open: readonly Review[],
): Promise<{ rows: RecordChange[]; refused: Refusal[] }> {
  const { absolute } = await resolveExisting(project.root, dataset.file);
  const rows: RecordChange[] = [];
  const refused: Refusal[] = [];
  const texts = await readRecords(
    absolute,
    open.map(({ index }) => dataset.locator(index)),
  );
  for (const [position, { id, index, decision, from }] of open.entries()) {
    const text = texts[position] ?? "";
    const { line, lineCount, start, end } = dataset.locator(index);
    const isRelabelled = decision.kind === "relabel";
    const replacement = isRelabelled
      ? relabelText(project, dataset, text, { from, to: decision.to })
      : null;
    if (isRelabelled && replacement === null) {
      const reason = { kind: "labelUnclear", from } as const;
      refused.push({ file: `${dataset.file}:${line + 1}`, reason });
      continue;
    }
    rows.push({ id, file: dataset.file, line, lineCount, start, end, text, replacement });
  }
  return { rows, refused };
}

/** What to change in the text of a record so that it has another label; null where it does not hold the old one by itself. */
export function relabelText(
  project: Project,
  dataset: Dataset,
  text: string,
  labels: { readonly from: string; readonly to: string },
): TextChange | null {
  const format = formatOf(project.config.data[dataset.name], dataset);
  const relabel = { ...labels, labels: project.encoder.labels };
  return (format && relabelRecord(text, format, relabel)) ?? null;
}

/** How the records of a dataset are written; undefined where the target is not one column. */
function formatOf(source: SourceConfig | undefined, dataset: Dataset): RecordFormat | undefined {
  const [key] = dataset.target;
  if (key === undefined || dataset.target.length !== 1) {
    return undefined;
  }
  if (/\.(jsonl|ndjson)$/i.test(dataset.file) || (source !== undefined && "jsonl" in source)) {
    return { kind: "jsonl", key };
  }
  const given = source !== undefined && "csv" in source ? source.delimiter : undefined;
  const delimiter = given ?? (/\.(tsv|tab)$/i.test(dataset.file) ? "\t" : ",");
  return { kind: "csv", delimiter, column: dataset.columns.indexOf(key) };
}

/** Why the editor cannot change a part of a file and leave every other byte alone; undefined when it can. */
async function documentProblem(
  project: Project,
  dataset: Dataset,
): Promise<RefusalReason | undefined> {
  if (!hasLines(dataset)) {
    return { kind: "noText" };
  }
  const { absolute } = await resolveExisting(project.root, dataset.file);
  const { size, lineEnds } = await fileFacts(absolute);
  if (size > largestDocument) {
    return { kind: "tooLarge" };
  }
  if (lineEnds.length > 1 || lineEnds.includes("\r")) {
    return { kind: "lineEnds" };
  }
  return undefined;
}

/** Where the image of a decision goes; undefined where its folder does not tell its label. */
function movedTo(project: Project, dataset: Dataset, review: Review): string | undefined {
  const { decision, from, place } = review;
  const way = posix.relative(dataset.file, place.file);
  if (decision.kind !== "relabel") {
    return `.tracin/excluded/${dataset.name}/${way}`;
  }
  const { labels } = project.encoder;
  const folder = newValue(posix.dirname(way), { from, to: decision.to, labels });
  return folder === undefined || /^\.|[\\/:]/.test(folder)
    ? undefined
    : posix.join(dataset.file, folder, posix.basename(way));
}
