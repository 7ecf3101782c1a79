import type { DuckDBType, DuckDBValue } from "@duckdb/node-api";
import type { DuckDb } from "../../../store/duckdb.ts";
import type { FieldValue } from "../../dataset.ts";

/** A value of a Parquet file as a field: lists nest, dates and what else is no JSON become text, bytes their number. */
export function toField(module: DuckDb, value: DuckDBValue): FieldValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") {
    return value;
  }
  if (typeof value === "number") {
    return value;
  }
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (value instanceof module.DuckDBListValue || value instanceof module.DuckDBArrayValue) {
    return value.items.map((item) => toField(module, item));
  }
  if (value instanceof module.DuckDBStructValue) {
    return toFields(module, Object.entries(value.entries));
  }
  if (value instanceof module.DuckDBMapValue) {
    return toFields(
      module,
      value.entries.map(({ key, value: item }) => [String(key), item] as const),
    );
  }
  if (value instanceof module.DuckDBDecimalValue) {
    return value.toDouble();
  }
  return value instanceof module.DuckDBBlobValue ? `${value.bytes.length} bytes` : String(value);
}

/** Fields without a prototype: a column named __proto__ is a column like any other. */
function toFields(
  module: DuckDb,
  entries: readonly (readonly [string, DuckDBValue])[],
): { [key: string]: FieldValue } {
  const fields: { [key: string]: FieldValue } = Object.create(null);
  for (const [key, value] of entries) {
    fields[key] = toField(module, value);
  }
  return fields;
}

/** How a column holds image files: as their bytes, or as Hugging Face datasets does, bytes beside their path. */
export type ImageForm = "bytes" | "struct";

/** The form of a column that can hold image files; undefined for any other. */
export function imageForm(module: DuckDb, type: DuckDBType): ImageForm | undefined {
  if (type.typeId === module.DuckDBTypeId.BLOB) {
    return "bytes";
  }
  if (!(type instanceof module.DuckDBStructType)) {
    return undefined;
  }
  const bytes = type.entryNames.indexOf("bytes");
  return type.entryTypes[bytes]?.typeId === module.DuckDBTypeId.BLOB ? "struct" : undefined;
}
