import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { TracInError } from "../errors.ts";

/** The DuckDB module; it loads a native library, so it is imported when first needed. */
export type DuckDb = typeof import("@duckdb/node-api");

export interface DatabaseOptions {
  /** Bytes that DuckDB may hold. */
  readonly memoryLimit?: number;
  /** Folder for what does not fit; without it nothing is spilled. */
  readonly temporary?: string;
  /** The only files that may be touched. */
  readonly files?: readonly string[];
  /** A folder in which files may be read and written. */
  readonly folder?: string;
  /** Threads of a statement; 1 unless told. */
  readonly threads?: number;
  /** Errors as JSON with the position in the statement, for statements that hold what a person typed. */
  readonly errorsAsJson?: boolean;
}

/** An in-memory database that can touch nothing but the files that were named, and load no extensions. */
export class Database {
  private constructor(
    readonly module: DuckDb,
    private readonly instance: DuckDBInstance,
    readonly connection: DuckDBConnection,
  ) {}

  /** Throws kind `store` when the native library of this platform is missing. */
  static async open(options: DatabaseOptions): Promise<Database> {
    const module = await loadDatabase();
    const megabytes = Math.max(64, Math.floor((options.memoryLimit ?? 256 << 20) / (1 << 20)));
    const instance = await module.DuckDBInstance.create(":memory:", {
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
      threads: String(options.threads ?? 1),
      memory_limit: `${megabytes}MB`,
      temp_directory: options.temporary ?? "",
    });
    const connection = await instance.connect();
    const database = new Database(module, instance, connection);
    try {
      await database.run(`SET allowed_paths = [${(options.files ?? []).map(quote).join(", ")}]`);
      if (options.folder !== undefined) {
        await database.run(`SET allowed_directories = [${quote(options.folder)}]`);
      }
      if (options.errorsAsJson === true) {
        await database.run("SET errors_as_json = true");
      }
      await database.run("SET enable_external_access = false");
      await database.run("SET lock_configuration = true");
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  }

  /** Runs a statement; failures become kind `store`. */
  async run(sql: string): Promise<void> {
    try {
      await this.connection.run(sql);
    } catch (error) {
      throw storeError(error);
    }
  }

  /** Another connection, for statements that run beside the others; whoever asked for it closes it. */
  connect(): Promise<DuckDBConnection> {
    return this.instance.connect();
  }

  /** Ends the statement that runs, with an error. */
  interrupt(): void {
    this.connection.interrupt();
  }

  close(): void {
    this.connection.closeSync();
    this.instance.closeSync();
  }
}

/** A text as an SQL literal. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A DuckDB failure as an error of the store. */
export function storeError(error: unknown, file?: string): TracInError {
  if (error instanceof TracInError) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  const isMemory = /out of memory/i.test(message);
  return new TracInError(
    "store",
    isMemory ? "There is not enough memory for the results." : message,
    file === undefined ? {} : { file },
    isMemory ? "Raise the memory limit (tracin.memoryLimit, --memory-limit)." : undefined,
    { cause: error },
  );
}

/** Loads the native library. Throws kind `store` when that of this platform is missing. */
export async function loadDatabase(): Promise<DuckDb> {
  try {
    return await import("@duckdb/node-api");
  } catch (error) {
    throw new TracInError(
      "store",
      `DuckDB's native library cannot be loaded on ${process.platform}-${process.arch}.`,
      {},
      "Install the package that was built for this platform.",
      { cause: error },
    );
  }
}
