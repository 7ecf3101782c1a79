import { imageHashes } from "../core/store/image-hashes.ts";
import { type Ranking, RunReader, type RunRow } from "../core/store/reader.ts";
import { outputsText, positionsText } from "../core/store/readings.ts";
import { queryCount, type RunQuery } from "../core/store/record.ts";
import type { ReadTexts } from "../core/store/run-texts.ts";
import type { ListRequest, Mark, RankedRow, RowsReply, RowsRequest } from "../protocol/lists.ts";
import type { SuggestedItem } from "../protocol/reviews.ts";
import { toPlace } from "./summaries.ts";

/** Readers that are kept open: a panel asks for page after page of the same run. */
const mostOpen = 4;

/** Open runs of all workspaces, the latest used ones. */
export class OpenRuns {
  private readonly readers = new Map<string, Promise<RunReader>>();

  /** Throws kind `store` when the run is missing or damaged. */
  async reader(root: string, id: string): Promise<RunReader> {
    const key = `${root}\0${id}`;
    const opening = this.readers.get(key) ?? RunReader.open(root, id);
    // The last one in the map is the one used last.
    this.readers.delete(key);
    this.readers.set(key, opening);
    for (const oldest of [...this.readers.keys()].slice(0, -mostOpen)) {
      this.close(oldest);
    }
    try {
      return await opening;
    } catch (error) {
      this.readers.delete(key);
      throw error;
    }
  }

  /** Closes a run that is about to be deleted. */
  forget(root: string, id: string): void {
    this.close(`${root}\0${id}`);
  }

  private close(key: string): void {
    const reader = this.readers.get(key);
    this.readers.delete(key);
    void reader?.then(
      (opened) => opened.close(),
      () => undefined,
    );
  }
}

/** Largest page that is answered; previews of more would block for long. */
const largestPage = 500;

/** The list that a request is about. */
export function rankingOf({ view, query, order, filter, sort }: ListRequest): Ranking {
  return {
    view,
    query,
    ...(order === undefined ? {} : { order }),
    ...(filter === undefined ? {} : { filter }),
    ...(sort === undefined ? {} : { sort }),
  };
}

/** One page of a list, with previews. */
export async function pageOf(
  reader: RunReader,
  request: RowsRequest,
  previewsOf: (examples: readonly number[]) => Promise<readonly RankedRow["preview"][]>,
  texts: ReadTexts,
  signal?: AbortSignal,
): Promise<RowsReply> {
  const offset = Math.max(0, request.offset);
  const table = await reader.ranked();
  const limit = Math.min(request.limit, largestPage);
  const isEstimated = estimatedRows(reader);
  const page = await table.page(rankingOf(request), offset, limit, texts, signal);
  const previews = await previewsOf(page.rows.map(({ index }) => index));
  return {
    total: page.total,
    scale: page.scale,
    rows: page.rows.map(
      (row, position): RankedRow => ({
        rank: offset + position + 1,
        index: row.index,
        ...(row.content === undefined ? {} : { content: row.content }),
        place: toPlace(row),
        preview: previews[position] ?? { kind: "text", text: "" },
        target: row.target,
        predicted: row.predicted,
        score: row.score,
        ...(isEstimated(row.index) ? { estimated: true as const } : {}),
        parts: row.parts,
        selfInfluence: row.selfInfluence,
        loss: row.loss,
        margin: row.margin,
        combined: row.combined,
        suggested: row.suggested,
      }),
    ),
  };
}

/** Tells of which examples a run has estimates instead of exact scores. */
function estimatedRows({ record }: RunReader): (example: number) => boolean {
  if (record.index === undefined || record.index.exact) {
    return () => false;
  }
  const exact = new Set(record.index.exactRows);
  return (example) => !exact.has(example);
}

/** A row as a decision about it needs it. */
export function suggestedItem({ index, content, suggested }: RunRow): SuggestedItem {
  return {
    dataset: "train",
    index,
    ...(content === undefined ? {} : { content }),
    ...(suggested === undefined ? {} : { suggested: suggested.label }),
  };
}

/** Marks of the first `limit` of each list of a run, and of its queries. */
export async function marksOf(
  root: string,
  reader: RunReader,
  limit: number,
  file?: string,
): Promise<Mark[]> {
  const { record } = reader;
  const marks: Mark[] = [];
  const { reading } = record;
  for (let query = 0; query < queryCount(record); query++) {
    for (const row of await reader.top({ view: "proponents", query }, limit, file)) {
      marks.push(toMark("proponent", row, row.score, reading));
    }
    for (const row of await reader.top({ view: "opponents", query }, limit, file)) {
      marks.push(toMark("opponent", row, row.score, reading));
    }
  }
  for (const row of await reader.top({ view: "suspects", query: -1 }, limit, file)) {
    marks.push(toMark("suspect", row, row.margin ?? row.loss, reading));
  }
  for (const [position, query] of record.queries.entries()) {
    if (query.given !== undefined) {
      continue; // it stands in the folder of the run alone
    }
    const { place } = query;
    const loss =
      query.losses.reduce((sum, value) => sum + value, 0) / Math.max(1, query.losses.length);
    if (file === undefined || place.file === file || place.image === file) {
      marks.push({
        kind: "query",
        dataset: query.dataset,
        rank: position + 1,
        value: loss,
        place: toPlace(place),
        index: query.index,
        target: query.target,
        predicted: predictionText(query),
        reading,
        suggested: undefined,
        selfInfluence: 0,
        loss,
        margin: undefined,
      });
    }
  }
  const images = marks.flatMap(({ place }) => place.image ?? []);
  const hashes = await imageHashes(root, record, images);
  return marks.map((mark) => {
    const hash = hashes.get(mark.place.image ?? "");
    return hash === undefined ? mark : { ...mark, place: { ...mark.place, imageHash: hash } };
  });
}

/** The prediction of a query in one line. */
function predictionText({ prediction, positions, outputs }: RunQuery): string {
  if (positions !== undefined) {
    return positionsText(positions);
  }
  return outputs === undefined ? (prediction[0]?.label ?? "") : outputsText(outputs);
}

function toMark(
  kind: Mark["kind"],
  row: RunRow & { readonly rank: number },
  value: number,
  reading: Mark["reading"],
): Mark {
  return {
    kind,
    dataset: "train",
    reading,
    rank: row.rank,
    value,
    place: toPlace(row),
    index: row.index,
    ...(row.content === undefined ? {} : { content: row.content }),
    target: row.target,
    predicted: row.predicted,
    suggested: row.suggested,
    selfInfluence: row.selfInfluence,
    loss: row.loss,
    margin: row.margin,
  };
}
