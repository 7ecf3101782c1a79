import type { DuckDBValue } from "@duckdb/node-api";
import type { Locator } from "../datasets/dataset.ts";
import { TracInError } from "../errors.ts";
import { overCheckpoints } from "../tracin/rows.ts";
import type { ScoreChunk } from "../tracin/scores.ts";
import { type PredictionForm, readOutputs } from "./readings.ts";
import { type TableShape, textColumns } from "./table.ts";

/** A training example as the table shows it. */
export interface ExampleInfo {
  readonly locator: Locator;
  /** Hash of everything but the target. */
  readonly content: string;
  readonly target: string;
  /** Hash of the row's text; undefined for examples that stand on no line. */
  readonly rowHash?: number | undefined;
}

/** Values of the examples [from, from + rows) of a chunk, column by column in the order of `stagingColumns`. */
export function columnsOf(
  chunk: ScoreChunk,
  info: readonly ExampleInfo[],
  { from, rows }: { readonly from: number; readonly rows: number },
  { shape, prediction }: { readonly shape: TableShape; readonly prediction: PredictionForm },
): DuckDBValue[][] {
  const { start, size } = chunk;
  const outputs = chunk.predictions.length / Math.max(1, size);
  const numbers = { example: [] as number[], line: [] as number[], line_count: [] as number[] };
  const texts = Object.fromEntries(
    textColumns.map((name) => [name, [] as (string | null)[]]),
  ) as Record<(typeof textColumns)[number], (string | null)[]>;
  const hashes: (number | null)[] = [];
  const probability: (number | null)[] = [];
  const losses: number[] = [];
  const margins: (number | null)[] = [];
  for (let row = from; row < from + rows; row++) {
    const example = info[row];
    if (example === undefined) {
      throw new TracInError("internal", `Example ${start + row} is not known.`);
    }
    const { locator, content, target } = example;
    const reading = readOutputs(
      prediction,
      chunk.predictions.subarray(row * outputs, (row + 1) * outputs),
      target,
    );
    numbers.example.push(start + row);
    numbers.line.push(locator.line + 1);
    numbers.line_count.push(locator.lineCount);
    hashes.push(example.rowHash ?? null);
    texts.file.push(locator.file);
    texts.image.push(locator.image ?? null);
    texts.content.push(content);
    texts.target.push(target);
    texts.predicted.push(reading.predicted);
    texts.suggested.push(reading.suggested ?? null);
    probability.push(reading.probability ?? null);
    losses.push(mean(chunk.losses, shape.checkpoints, row));
    const margin = mean(chunk.margins, shape.checkpoints, row);
    margins.push(Number.isNaN(margin) ? null : margin);
  }
  const columns: DuckDBValue[][] = [
    numbers.example,
    numbers.line,
    numbers.line_count,
    hashes,
    ...textColumns.map((name) => texts[name]),
    probability,
    losses,
    ...(shape.margins ? [margins] : []),
  ];
  for (let checkpoint = 0; checkpoint < shape.checkpoints; checkpoint++) {
    const offset = checkpoint * size + from;
    columns.push([...chunk.selfParts.subarray(offset, offset + rows)]);
  }
  for (let query = 0; query < shape.queries; query++) {
    for (let checkpoint = 0; checkpoint < shape.checkpoints; checkpoint++) {
      columns.push(
        Array.from({ length: rows }, (_, row) => {
          const place = (checkpoint * size + from + row) * shape.queries + query;
          return chunk.scoreParts[place] ?? Number.NaN;
        }),
      );
    }
  }
  return columns;
}

/** The mean of an example's numbers over the checkpoints; NaN where it has none. */
function mean(values: Float32Array, checkpoints: number, row: number): number {
  return overCheckpoints(values, checkpoints, row) / Math.max(1, checkpoints);
}
