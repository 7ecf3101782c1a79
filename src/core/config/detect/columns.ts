import type { Example, FieldValue } from "../../datasets/dataset.ts";

/** What the examples show of a column. */
export interface ColumnFacts {
  readonly name: string;
  /** Every value is a number (or missing). */
  readonly numeric: boolean;
  /** Every value is a list of integers. */
  readonly tokens: boolean;
  /** Numbers that are all 0 or 1. */
  readonly binary: boolean;
  readonly distinct: number;
  /** Mean length as text. */
  readonly textLength: number;
  /** Names or distinct whole numbers that count rows. */
  readonly identifier: boolean;
}

const missing = new Set(["", "na", "n/a", "nan", "null", "none", "?"]);
const identifierName = /^(id|idx|index|row|uuid|guid|key|unnamed:? ?\d*|.*[_ ]id)$/i;

/** Looks at each column of some examples. */
export function columnFacts(
  columns: readonly string[],
  examples: readonly Example[],
): ColumnFacts[] {
  return columns.map((name) => {
    const values = examples
      .map(({ fields }) => (Object.hasOwn(fields, name) ? fields[name] : undefined))
      .filter((value): value is FieldValue => value !== undefined && !isMissing(value));
    const texts = values.map((value) =>
      typeof value === "string" ? value : JSON.stringify(value),
    );
    const numbers = values.map(numberOf);
    const numeric = numbers.length > 0 && numbers.every((number) => number !== undefined);
    const distinct = new Set(texts).size;
    const whole = numbers.every((number) => Number.isInteger(number));
    return {
      name,
      numeric,
      tokens: values.length > 0 && values.every(isTokenList),
      binary: numeric && numbers.every((number) => number === 0 || number === 1),
      distinct,
      textLength: texts.reduce((sum, text) => sum + text.length, 0) / Math.max(1, texts.length),
      identifier:
        identifierName.test(name.trim()) ||
        (name.trim() === "" && numeric && whole && distinct === values.length),
    };
  });
}

function isMissing(value: FieldValue): boolean {
  return value === null || (typeof value === "string" && missing.has(value.trim().toLowerCase()));
}

function numberOf(value: FieldValue): number | undefined {
  if (typeof value === "number") {
    return value;
  }
  const number = typeof value === "string" ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

function isTokenList(value: FieldValue): boolean {
  return Array.isArray(value) && value.every((item) => Number.isInteger(item));
}

const targetNames =
  /^(labels?|targets?|class(es)?|category|species|y|outcome|diagnosis|variety|output|result|sentiment|response|survived)$/i;
const targetPart = /(^|[_ -])(label|target|class|outcome|diagnosis|category)([_ -]|$)/i;

/**
 * Columns that could be the target, the likeliest first; the second value tells whether the first one is
 * plain to see: by its name, or as the only one that is left.
 */
export function targetColumns(
  facts: readonly ColumnFacts[],
  isFeature: (fact: ColumnFacts) => boolean,
): { readonly columns: readonly ColumnFacts[]; readonly obvious: boolean } {
  const open = facts.filter((fact) => !isFeature(fact) && !fact.identifier && !fact.tokens);
  const named = open.filter(({ name }) => targetNames.test(name.trim()));
  const partly = open.filter(
    ({ name }) => targetPart.test(name.trim()) && !named.some((other) => other.name === name),
  );
  const texts = open.filter((fact) => !fact.numeric && fact.distinct <= 100);
  const first = [named, partly, texts].find((group) => group.length === 1)?.[0];
  const chosen = first ?? (open.length === 1 ? open[0] : undefined);
  const ordered = chosen ? [chosen, ...open.filter((fact) => fact !== chosen)] : open;
  return { columns: ordered, obvious: chosen !== undefined };
}
