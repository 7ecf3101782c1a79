import type { ExampleForm } from "../src/protocol/examples.ts";
import type { RunSummary } from "../src/protocol/runs.ts";

/** A field of a training example beside that of the query. */
export interface FieldDifference {
  readonly name: string;
  readonly value: string;
  /** How much larger it is than the query's, in standard deviations of the training data; undefined for no numbers. */
  readonly units: number | undefined;
  /** Whether it differs. */
  readonly differs: boolean;
}

type Entries = readonly (readonly [name: string, value: string])[];

/** What a row is compared with. */
export interface Comparison {
  readonly query: Entries;
  /** Standard deviations of columns of numbers. */
  readonly scales: Readonly<Record<string, number>>;
}

/** What rows of a table are compared with: the query of the run; undefined where it is none of a table. */
export function comparisonWith(
  run: RunSummary,
  query: number,
  form: ExampleForm | undefined,
  scales: Readonly<Record<string, number>> = {},
): Comparison | undefined {
  const preview = run.kind === "explain" ? run.queries[query]?.preview : undefined;
  return preview?.kind !== "fields" || form === undefined
    ? undefined
    : { query: preview.entries.filter(([name]) => form.columns.includes(name)), scales };
}

/**
 * The fields of a row, those first that differ most from the query's. A category that differs counts as one standard
 * deviation. Fields that the query lacks, or that the features do not read, come last, in their own order.
 */
export function differencesOf(entries: Entries, { query, scales }: Comparison): FieldDifference[] {
  const theirs = new Map(query);
  const compared = entries.map(([name, value]) => {
    const other = theirs.get(name);
    const scale = Object.hasOwn(scales, name) ? scales[name] : undefined;
    const units =
      other === undefined || scale === undefined
        ? Number.NaN
        : (Number(value) - Number(other)) / scale;
    const isNumber = Number.isFinite(units);
    const differs = other !== undefined && (isNumber ? units !== 0 : value !== other);
    return { name, value, units: isNumber ? units : undefined, differs };
  });
  const distance = ({ units, differs }: FieldDifference) =>
    units === undefined ? Number(differs) : Math.abs(units);
  return compared.sort((a, b) => distance(b) - distance(a));
}
