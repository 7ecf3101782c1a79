import { rename, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { TracInError } from "../errors.ts";
import { Database, quote, storeError } from "./duckdb.ts";
import { runFolder } from "./folder.ts";
import type { Ranking, RunReader } from "./reader.ts";
import { tableFile } from "./writer.ts";

const formats: Readonly<Record<string, string>> = {
  ".csv": "FORMAT csv, HEADER",
  ".jsonl": "FORMAT json",
  ".parquet": "FORMAT parquet, COMPRESSION zstd",
};

/**
 * Writes a ranked list of a run, whole and with its rank: CSV with a header, one JSON object a line, or Parquet, by the
 * extension. The file appears when it is whole.
 *
 * @param root absolute folder of the workspace
 * @param to absolute path
 * @throws kind `store` for another extension, or when the file cannot be written
 */
export async function exportRanking(
  reader: RunReader,
  root: string,
  ranking: Ranking,
  to: string,
): Promise<void> {
  const format = formats[extname(to).toLowerCase()];
  if (format === undefined) {
    throw new TracInError(
      "store",
      "The format of the file is not known.",
      { file: to },
      "Name a file that ends in .csv, .jsonl or .parquet.",
    );
  }
  const partial = `${to}.partial`;
  const table = join(root, runFolder(reader.record.id), tableFile);
  const database = await Database.open({ files: [table, partial] });
  try {
    await database.run(`COPY (${reader.listQuery(ranking)}) TO ${quote(partial)} (${format})`);
    await rename(partial, to);
  } catch (error) {
    await rm(partial, { force: true });
    throw storeError(error, to);
  } finally {
    database.close();
  }
}
