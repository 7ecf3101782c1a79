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
 * Writes a ranked list of a run with its rank, whole or as it is narrowed and sorted: CSV with a header, one JSON object a line, or Parquet, by the
 * extension. The file appears when it is whole.
 *
 * @param root absolute folder of the workspace
 * @param to absolute path
 * @param members the examples of a list that is narrowed or sorted, in its order
 * @throws kind `store` for another extension, or when the file cannot be written
 */
export async function exportRanking(
  reader: RunReader,
  root: string,
  ranking: Ranking,
  to: string,
  members?: Int32Array,
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
    const query =
      members === undefined
        ? reader.listQuery(ranking)
        : await membersQuery(database, `read_parquet(${quote(table)})`, members);
    await database.run(`COPY (${query}) TO ${quote(partial)} (${format})`);
    await rename(partial, to);
  } catch (error) {
    await rm(partial, { force: true });
    throw storeError(error, to);
  } finally {
    database.close();
  }
}

/** The query of some examples in their order, from a table of their numbers. */
async function membersQuery(
  database: Database,
  table: string,
  members: Int32Array,
): Promise<string> {
  const { module, connection } = database;
  await database.run("CREATE TABLE members (rank INTEGER, example INTEGER)");
  const appender = await connection.createAppender("members");
  try {
    for (let from = 0; from < members.length; from += block) {
      const examples = [...members.subarray(from, from + block)];
      const chunk = module.DuckDBDataChunk.create(
        [module.INTEGER, module.INTEGER],
        examples.length,
      );
      chunk.setColumns([examples.map((_, row) => from + row + 1), examples]);
      appender.appendDataChunk(chunk);
    }
  } finally {
    appender.closeSync();
  }
  return `SELECT members.rank, run.* FROM ${table} AS run JOIN members USING (example) ORDER BY members.rank`;
}

/** Rows per data chunk of DuckDB. */
const block = 2048;
