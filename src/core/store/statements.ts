import { TracInError, throwIfAborted } from "../errors.ts";
import { type Database, storeError } from "./duckdb.ts";

/** Lets one request after the other use a database, so that an interruption ends the one that it is for. */
export class Statements {
  private last: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(
    private readonly database: Database,
    /** Names the results in messages. */
    private readonly file: string,
    /** That one request may take. */
    private readonly milliseconds: number,
  ) {}

  /**
   * Runs `action` when its turn comes.
   * @throws kind `cancelled` when the signal is aborted, kind `store` for everything else: too slow, closed, failed
   */
  take<Result>(signal: AbortSignal | undefined, action: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(async () => {
      throwIfAborted(signal);
      if (this.closed) {
        throw new TracInError(
          "store",
          "The run was closed.",
          { file: this.file },
          "Open it again.",
        );
      }
      let late = false;
      const interrupt = () => this.database.interrupt();
      const timer = setTimeout(() => {
        late = true;
        interrupt();
      }, this.milliseconds);
      signal?.addEventListener("abort", interrupt);
      try {
        return await action();
      } catch (error) {
        throwIfAborted(signal);
        if (late) {
          throw new TracInError(
            "store",
            "The filter takes too long.",
            {},
            "Use a simpler condition.",
          );
        }
        throw storeError(plainError(error), this.file);
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", interrupt);
      }
    });
    this.last = result.catch(() => undefined);
    return result;
  }

  /** Refuses what has not begun; resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.closed = true;
    await this.last;
  }
}

/** The message in an error that DuckDB wrote as JSON. */
function plainError(error: unknown): unknown {
  if (error instanceof TracInError || !(error instanceof Error)) {
    return error;
  }
  const message = /"exception_message":("(?:[^"\\]|\\.)*")/.exec(error.message)?.[1];
  return message === undefined
    ? error
    : new Error(String(JSON.parse(message)).replaceAll("\n", " "), { cause: error });
}
