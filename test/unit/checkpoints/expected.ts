/** A tensor in the `expected.json` of a folder of goldens. */
export interface ExpectedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly (number | string | boolean)[];
}

/** Values as numbers: JSON has no infinities, Python's text for them stands in. */
export function numbersOf({ values }: ExpectedTensor): number[] {
  return values.map((value) =>
    typeof value === "string"
      ? Number(value.replace("inf", "Infinity").replace("nan", "NaN"))
      : Number(value),
  );
}

/** A tensor's values as numbers. */
export function listOf(data: ArrayLike<number | bigint>): number[] {
  return Array.from<number | bigint, number>(data, Number);
}
