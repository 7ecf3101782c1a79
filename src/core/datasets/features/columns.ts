import * as z from "zod";
import type { FeatureConfig } from "../../config/config.ts";
import { TracInError } from "../../errors.ts";
import { listNames } from "../data-error.ts";
import { fieldText, toName, toNumber } from "../field.ts";
import { type Batch, known } from "./batch.ts";
import type { Feature, Fit } from "./feature.ts";
import { distinct, sortNames } from "./names.ts";

export const columnsState = z.strictObject({
  kind: z.literal("columns"),
  columns: z.array(
    z.discriminatedUnion("kind", [
      z.strictObject({
        kind: z.literal("number"),
        name: z.string(),
        mean: z.number(),
        std: z.number(),
      }),
      z.strictObject({
        kind: z.literal("category"),
        name: z.string(),
        categories: z.array(z.string()),
      }),
    ]),
  ),
});

type State = z.infer<typeof columnsState>;
type ColumnState = State["columns"][number];
type Config = Extract<FeatureConfig, { columns: string[] }>;

const maxCategories = 10_000;

/** Learns what a `columns` feature needs: categories, means and standard deviations. */
export function fitColumns(input: string, config: Config): Fit<State> {
  const oneHot = new Map(Object.entries(config.oneHot ?? {}));
  const numbers = config.columns.filter((name) => !oneHot.has(name));
  checkConfig(input, config, numbers);
  const seen = new Map<string, Set<string>>();
  for (const [name, categories] of oneHot) {
    if (categories === "auto") {
      seen.set(name, new Set());
    }
  }
  const moments = new Map<string, Moments>();
  if (config.standardise === true) {
    for (const name of numbers) {
      moments.set(name, new Moments());
    }
  }
  const observe = async (batch: Batch): Promise<void> => {
    for (const [name, categories] of seen) {
      const column = await batch.column(name);
      for (let position = 0; position < batch.size; position++) {
        categories.add(categoryOf(batch, position, name, column(position)));
      }
      if (categories.size > maxCategories) {
        throw new TracInError(
          "data",
          `The column has more than ${maxCategories} categories.`,
          { file: batch.dataset.file, column: name },
          "It is probably no category: take it out of oneHot.",
        );
      }
    }
    for (const [name, moment] of moments) {
      const column = await batch.column(name);
      for (let position = 0; position < batch.size; position++) {
        moment.add(numberOf(batch, position, name, column(position)));
      }
    }
  };
  const given = typeof config.standardise === "object" ? config.standardise : undefined;
  return {
    ...(seen.size + moments.size === 0 ? {} : { observe }),
    finish: () => ({
      kind: "columns",
      columns: config.columns.map((name): ColumnState => {
        const categories = oneHot.get(name);
        if (categories !== undefined) {
          const names = categories === "auto" ? sortNames(seen.get(name) ?? []) : categories;
          return { kind: "category", name, categories: names };
        }
        const position = numbers.indexOf(name);
        const learnt = moments.get(name);
        return {
          kind: "number",
          name,
          mean: learnt?.mean ?? given?.mean[position] ?? 0,
          std: learnt?.scale ?? given?.std[position] ?? 1,
        };
      }),
    }),
  };
}

/** Numbers and one-hot categories side by side: [width]. */
export function columnsFeature(state: State): Feature {
  const widths = state.columns.map((column) =>
    column.kind === "number" ? 1 : column.categories.length,
  );
  const width = widths.reduce((sum, next) => sum + next, 0);
  const positions = state.columns.map((column) =>
    column.kind === "number"
      ? undefined
      : new Map(column.categories.map((category, index) => [category, index])),
  );
  return {
    shape: [width],
    noun: "columns",
    columns: state.columns.map(({ name }, index) => ({ name, width: widths[index] ?? 0 })),
    async encode(batch) {
      const values = new Float64Array(batch.size * width);
      let offset = 0;
      for (const [index, column] of state.columns.entries()) {
        const read = await batch.column(column.name);
        const places = positions[index];
        for (let position = 0; position < batch.size; position++) {
          const at = position * width + offset;
          const value = read(position);
          if (column.kind === "number") {
            const number = numberOf(batch, position, column.name, value);
            values[at] = scaled(batch, position, column, number);
          } else {
            const name = categoryOf(batch, position, column.name, value);
            const place = places?.get(name);
            if (place === undefined) {
              throw batch.error(
                position,
                column.name,
                `The category ${JSON.stringify(name)} is unknown; ${known(column.categories)}.`,
                "Mend the value, or add the category to oneHot if the model knows it.",
              );
            }
            values[at + place] = 1;
          }
        }
        offset += widths[index] ?? 0;
      }
      return { values };
    },
  };
}

function scaled(
  batch: Batch,
  position: number,
  column: Extract<ColumnState, { kind: "number" }>,
  number: number,
): number {
  const value = (number - column.mean) / column.std;
  if (!Number.isFinite(Math.fround(value))) {
    throw batch.error(
      position,
      column.name,
      `The number ${number} is too large for the model's 32-bit floats.`,
      "Mend the value, or standardise the column.",
    );
  }
  return value;
}

function numberOf(
  batch: Batch,
  position: number,
  column: string,
  value: Parameters<typeof toNumber>[0],
): number {
  const number = toNumber(value);
  if (number === undefined) {
    throw batch.error(
      position,
      column,
      value === undefined || value === null || value === ""
        ? "The value is missing."
        : `${JSON.stringify(fieldText(value, 80))} is not a finite number.`,
      "Give every example a finite number there; categories belong in oneHot.",
    );
  }
  return number;
}

function categoryOf(
  batch: Batch,
  position: number,
  column: string,
  value: Parameters<typeof toName>[0],
): string {
  const name = value === "" ? "" : toName(value);
  if (name === undefined) {
    throw batch.error(position, column, "The category is missing.", "Fill it in.");
  }
  return name;
}

function checkConfig(input: string, config: Config, numbers: readonly string[]): void {
  const fail = (message: string, remedy: string): never => {
    throw new TracInError("config", message, { file: "tracin.json" }, remedy);
  };
  const place = `features.${input}`;
  if (config.columns.length === 0) {
    fail(
      `${place} names no columns.`,
      "Name the columns in the order in which the model takes them.",
    );
  }
  const stray = Object.keys(config.oneHot ?? {}).filter((name) => !config.columns.includes(name));
  if (stray.length > 0) {
    fail(`${place}.oneHot names ${listNames(stray)}, not in columns.`, "Add it to columns too.");
  }
  for (const [name, categories] of Object.entries(config.oneHot ?? {})) {
    if (categories !== "auto" && (categories.length === 0 || !distinct(categories))) {
      fail(`${place}.oneHot.${name} is empty or repeats a category.`, "List each category once.");
    }
  }
  if (typeof config.standardise === "object") {
    const { mean, std } = config.standardise;
    if (mean.length !== numbers.length || std.length !== numbers.length) {
      fail(
        `${place}.standardise has ${mean.length} means and ${std.length} deviations for ${numbers.length} numeric columns.`,
        "Give one of each per numeric column, in order; one-hot columns are not standardised.",
      );
    }
    if (!std.every((value) => value > 0)) {
      fail(`${place}.standardise has a deviation that is not positive.`, "Use 1 for constants.");
    }
  }
}

/** Mean and population variance in one pass (Welford). */
class Moments {
  private count = 0;
  private squares = 0;
  mean = 0;

  add(value: number): void {
    this.count++;
    const distance = value - this.mean;
    this.mean += distance / this.count;
    this.squares += distance * (value - this.mean);
  }

  /** Population standard deviation; 1 for a column that is constant up to rounding, as scikit-learn has it. */
  get scale(): number {
    const variance = this.squares / this.count;
    const rounding =
      this.count * Number.EPSILON * variance + (this.count * this.mean * Number.EPSILON) ** 2;
    return variance <= rounding ? 1 : Math.sqrt(variance);
  }
}
