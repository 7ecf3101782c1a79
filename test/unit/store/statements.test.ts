import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Database } from "../../../src/core/store/duckdb.ts";
import { Statements } from "../../../src/core/store/statements.ts";

const endless = "SELECT count(*) FROM range(1000000000000) AS t(i) WHERE hash(i) % 7 = 1";

let database: Database;
beforeEach(async () => {
  database = await Database.open({ errorsAsJson: true });
});
afterEach(() => database.close());

const run = (sql: string) => async () =>
  (await database.connection.runAndReadAll(sql)).getRowsJS()[0]?.[0];

describe("statements", () => {
  it("end what takes too long, and only that", async () => {
    const statements = new Statements(database, "scores.parquet", 100);
    const slow = statements.take(undefined, run(endless));
    const next = statements.take(undefined, run("SELECT 7"));
    await expect(slow).rejects.toMatchObject({
      kind: "store",
      message: "The filter takes too long.",
    });
    expect(await next).toBe(7);
  });

  it("end what is cancelled, before its turn and during it, and only that", async () => {
    const statements = new Statements(database, "scores.parquet", 20_000);
    const [running, waiting] = [new AbortController(), new AbortController()];
    const first = statements.take(running.signal, run(endless));
    const second = statements.take(waiting.signal, run("SELECT 8"));
    const third = statements.take(undefined, run("SELECT 9"));
    waiting.abort();
    setTimeout(() => running.abort(), 50);
    await expect(first).rejects.toMatchObject({ kind: "cancelled" });
    await expect(second).rejects.toMatchObject({ kind: "cancelled" });
    expect(await third).toBe(9);
  });

  it("say what DuckDB says, without its JSON", async () => {
    const statements = new Statements(database, "scores.parquet", 20_000);
    await expect(statements.take(undefined, run("SELECT nope"))).rejects.toMatchObject({
      kind: "store",
      place: { file: "scores.parquet" },
      message: expect.stringMatching(/^Referenced column "nope"/),
    });
  });

  it("take nothing once they are closed, and wait for what runs", async () => {
    const statements = new Statements(database, "scores.parquet", 20_000);
    const running = statements.take(undefined, run("SELECT 5"));
    await Promise.resolve();
    const closing = statements.close();
    await expect(statements.take(undefined, run("SELECT 6"))).rejects.toMatchObject({
      message: "The run was closed.",
    });
    await closing;
    expect(await running).toBe(5);
  });
});
