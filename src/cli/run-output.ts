import { join, relative } from "node:path";
import { counted } from "../core/counted.ts";
import type { Reading } from "../core/datasets/target-form.ts";
import { runFolder } from "../core/store/folder.ts";
import type { RunReader, RunRow } from "../core/store/reader.ts";
import { outputsText, positionsText } from "../core/store/readings.ts";
import type { RunQuery, RunRecord } from "../core/store/record.ts";
import type { SuspectOrder } from "../core/store/suspect-order.ts";
import { probabilityText } from "../protocol/probability-text.ts";
import { paint, printable, signed, significant, type Terminal, table } from "./terminal.ts";

type Rows = readonly (RunRow & { readonly rank: number })[];

/** The answer to a query, ready to print. */
export interface QueryAnswer {
  readonly query: RunQuery;
  readonly proponents: Rows;
  readonly opponents: Rows;
}

/** The ranked lists of each query of a run. */
export async function readAnswers(reader: RunReader, top: number): Promise<QueryAnswer[]> {
  const answers: QueryAnswer[] = [];
  for (const [number, query] of reader.record.queries.entries()) {
    answers.push({
      query,
      proponents: await reader.top({ view: "proponents", query: number }, top),
      opponents: await reader.top({ view: "opponents", query: number }, top),
    });
  }
  return answers;
}

/** Prints a query with its prediction, proponents and opponents. */
export function printAnswer(
  { out }: Terminal,
  { query, proponents, opponents }: QueryAnswer,
  reading: Reading,
): void {
  out.write(
    [
      "",
      paint(out, "bold", query.given ? query.dataset : `${query.dataset}:${query.index}`) +
        paint(out, "dim", `  ${placeText(query.place)}`),
      ...(query.given && query.target === "" ? [] : [`  target      ${printable(query.target)}`]),
      ...predictionLines(query).map((line) => `  ${line}`),
      ...(query.explained === undefined ? [] : [`  explained   ${printable(query.explained)}`]),
      `  loss        ${query.losses.map(significant).join(" → ")}`,
      "",
    ].join("\n"),
  );
  printScored(out, "Proponents (lower the loss of the query)", "green", proponents, reading);
  printScored(out, "Opponents (raise the loss of the query)", "red", opponents, reading);
}

/** The prediction of a query: its likeliest labels or its values, or where it fails. */
function predictionLines({ prediction, positions, outputs }: RunQuery): string[] {
  if (positions !== undefined) {
    const { worst, confusions } = positions;
    return [
      `prediction  ${positionsText(positions)}`,
      ...worst.map(
        ({ place: where, target, predicted, loss }, index) =>
          `${index === 0 ? "worst       " : "            "}${where}: ${printable(target)}, predicted ${printable(predicted)}, loss ${significant(loss)}`,
      ),
      ...confusions.map(
        ({ target, predicted, count }, index) =>
          `${index === 0 ? "confused    " : "            "}${printable(target)} taken for ${printable(predicted)}: ${count}`,
      ),
    ];
  }
  const values = prediction
    .slice(0, 3)
    .map(({ label, value }) => `${printable(label)} (${significant(value)})`);
  const text = outputs === undefined ? values.join(", ") : outputsText(outputs);
  return [`prediction  ${text === "" ? "none: the model gives its loss alone" : text}`];
}

/** Prints a ranked list. */
export function printScored(
  out: NodeJS.WriteStream,
  title: string,
  style: "green" | "red",
  rows: Rows,
  reading: Reading,
): void {
  out.write(`\n${paint(out, "bold", title)}\n`);
  if (rows.length === 0) {
    out.write("  none\n");
    return;
  }
  const lines = rows.map((row) => [
    String(row.rank),
    { text: signed(row.score), style },
    row.target,
    row.predicted,
    String(row.index),
    placeText(row),
  ]);
  out.write(
    `${table(out, ["", "score", "target", predictionHead(reading), "example", "location"], lines, [0, 1, 4])}\n`,
  );
}

/** Head of the column with what is known of predictions. */
function predictionHead(reading: Reading): string {
  return reading === "probabilities" || reading === "values" ? "predicted" : "last checkpoint";
}

/** Prints a list of suspects. */
export function printSuspects(
  { out }: Terminal,
  rows: Rows,
  order: SuspectOrder,
  record: RunRecord,
): void {
  const { reading } = record;
  const isLabel = reading === "probabilities";
  const by = orderNames[order];
  const margins = record.margins === true;
  out.write(`\n${paint(out, "bold", `Suspects (labels to look at first, by ${by})`)}\n`);
  const lines = rows.map((row) => [
    String(row.rank),
    ...(margins ? [row.margin === undefined ? "" : signed(row.margin)] : []),
    significant(row.loss),
    significant(row.selfInfluence),
    row.target,
    row.suggested === undefined
      ? isLabel
        ? ""
        : row.predicted
      : {
          text: `${row.suggested.label} (${probabilityText(row.suggested.value)})`,
          style: "yellow" as const,
        },
    String(row.index),
    placeText(row),
  ]);
  const verdict = isLabel ? "suggested" : predictionHead(reading);
  const head = [
    "",
    ...(margins ? ["margin"] : []),
    "mean loss",
    "self-infl.",
    "target",
    verdict,
    "example",
    "location",
  ];
  out.write(`${table(out, head, lines, margins ? [0, 1, 2, 3, 6] : [0, 1, 2, 5])}\n`);
}

const orderNames: Readonly<Record<SuspectOrder, string>> = {
  margin: "margin",
  combined: "margin and mean loss",
  loss: "mean loss",
  selfInfluence: "self-influence",
};

/** Prints what was computed, how long it took and where it is, as seen from the working directory. */
export function printRun({ out }: Terminal, record: RunRecord, root: string): void {
  const folder = relative(".", join(root, runFolder(record.id)));
  const parts = [
    counted(record.examples, "example"),
    counted(record.checkpoints.length, "checkpoint"),
    `${record.layers === "all" ? "all layers" : `layers: ${record.layers}`}`,
    ...(record.preconditioner === undefined ? [] : ["preconditioned"]),
    ...(record.index === undefined ? [] : [indexText(record.index, record.examples)]),
    record.engine,
    counted(record.processes, "process", "processes"),
    `${record.seconds.toFixed(1)} s`,
  ];
  out.write(`\n${paint(out, "dim", parts.join(" · "))}\nRun written to ${folder}\n`);
  if (record.indexUnused !== undefined) {
    const reasons = record.indexUnused.map(printable).join("; ");
    out.write(
      `The gradient index was not asked: ${reasons}. To bring it up to date: tracin index\n`,
    );
  }
}

/** How the scores were found, where an index was asked. */
function indexText(
  { kept, exact, exactRows, reranked, agreement }: NonNullable<RunRecord["index"]>,
  examples: number,
): string {
  if (exact || agreement === undefined) {
    return `from the index (${kept}), exact`;
  }
  const least = (values: readonly number[]) => Math.min(...values).toFixed(2);
  const found =
    exactRows.length === examples
      ? "all scores of these few examples computed exactly"
      : `the ${reranked} best of each list exact, others estimated`;
  return (
    `from the index (${kept}): ${found} ` +
    `(on ${agreement.examples} random examples: Spearman ${least(agreement.spearman)}, ` +
    `${least(agreement.recall)} of the first ${agreement.top} found)`
  );
}

/** A run as the JSON output shows it. */
export function runJson(record: RunRecord): unknown {
  return {
    id: record.id,
    folder: runFolder(record.id),
    kind: record.kind,
    title: record.title,
    created: record.created,
    examples: record.examples,
    checkpoints: record.checkpoints,
    layers: record.layers,
    parameters: record.parameters,
    preconditioner: record.preconditioner ?? "none",
    index: record.index ?? null,
    engine: record.engine,
    processes: record.processes,
    seconds: record.seconds,
  };
}

/** A query with its lists as the JSON output shows it. */
export function answerJson({ query, proponents, opponents }: QueryAnswer): unknown {
  return {
    dataset: query.dataset,
    index: query.index,
    ...placeJson(query.place),
    target: query.target,
    explained: query.explained ?? null,
    prediction: query.prediction,
    ...(query.positions === undefined ? {} : { positions: query.positions }),
    ...(query.outputs === undefined ? {} : { outputs: query.outputs }),
    losses: query.losses,
    proponents: proponents.map(rowJson),
    opponents: opponents.map(rowJson),
  };
}

/** A training example as the JSON output shows it. */
export function rowJson(row: Rows[number]): unknown {
  return {
    rank: row.rank,
    index: row.index,
    ...placeJson(row),
    target: row.target,
    predicted: row.predicted,
    suggested: row.suggested ?? null,
    score: row.score,
    parts: row.parts,
    selfInfluence: row.selfInfluence,
    loss: row.loss,
    margin: row.margin ?? null,
    combined: row.combined ?? null,
  };
}

interface Placed {
  readonly file: string;
  readonly line: number;
  readonly lineCount: number;
  readonly image?: string | undefined;
}

/** Lines count from 1 in everything that is printed. */
export function placeJson({ file, line, image }: Placed) {
  return { file, line: line + 1, image: image ?? null };
}

/** `train.csv:12`, `train.parquet[11]`, or for images `train/0031.png (train/labels.csv:33)`. */
export function placeText({ file, line, lineCount, image }: Placed): string {
  const row = lineCount === 0 ? `${file}[${line}]` : `${file}:${line + 1}`;
  return image === undefined ? row : image === file ? image : `${image} (${row})`;
}
