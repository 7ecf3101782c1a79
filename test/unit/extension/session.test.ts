import { describe, expect, it, vi } from "vitest";
import { CancellationTokenSource } from "vscode-jsonrpc/node";
import type { RequestOptions } from "../../../src/project/compute.ts";
import type { Progress } from "../../../src/protocol/compute.ts";
import type { EarlyRanking } from "../../../src/protocol/early.ts";
import type { RunSummary } from "../../../src/protocol/runs.ts";
import { createStub, Listeners } from "./vscode.ts";

vi.mock("vscode", () => ({ ...createStub().api, CancellationTokenSource }));

const { TracInError } = await import("../../../src/core/errors.ts");
const { Session } = await import("../../../src/project/session.ts");
type Parameters = ConstructorParameters<typeof Session>;

const scoring: Progress = { phase: "scoring", done: 10, total: 100, message: "Scoring" };
const rankingOf = (scored: number): EarlyRanking => ({
  state: "scored",
  scored,
  examples: 100,
  checkpoints: ["a.pt"],
  reading: "probabilities",
  queries: 1,
  orders: ["margin"],
  lists: [],
});

/** A session with one computation under way, and everything that it told. */
function start() {
  const compute = { request: async () => undefined };
  const projects = {
    onDidChange: new Listeners<void>().event,
    onDidChangeInputs: new Listeners<string>().event,
    use: () => undefined,
    all: [],
  };
  const memento = { get: () => undefined, update: async () => undefined };
  const session = new Session(
    compute as unknown as Parameters[0],
    projects as unknown as Parameters[1],
    memento as unknown as Parameters[2],
  );
  const told: (string | number | undefined)[] = [];
  session.onDidChangePanel(({ kind }) => told.push(kind));
  session.onDidChangeEarly(() => told.push(session.early?.scored));
  const begin = (root = "/a") => {
    const options: RequestOptions[] = [];
    const controls: { resolve(run: RunSummary): void; reject(error: unknown): void }[] = [];
    const result = session.start(root, "Explaining", (given) => {
      options.push(given);
      return new Promise((resolve, reject) => {
        controls.push({ resolve, reject });
        given.token?.onCancellationRequested(() =>
          reject(new TracInError("cancelled", "Cancelled.")),
        );
      });
    });
    result.catch(() => undefined);
    const report = (progress: Progress) => options[0]?.onProgress?.(progress);
    return { end: controls[0], result, report };
  };
  return { session, told, begin };
}

describe("early rankings of a computation", () => {
  it("are told apart from its progress, and go once the run is shown", async () => {
    const { session, told, begin } = start();
    const { end, result, report } = begin();
    expect(session.root).toBe("/a");
    report(scoring);
    report({ ...scoring, early: rankingOf(20) });
    report({ ...scoring, early: rankingOf(70) });
    expect(session.state).toMatchObject({ kind: "computing", progress: scoring });
    expect(told).toEqual(["computing", "computing", 20, 70]);
    end?.resolve({ id: "r" } as RunSummary);
    await result;
    // The panel has the run before the early rows are taken from it.
    expect(told.slice(4)).toEqual(["run", undefined]);
    expect(session.early).toBeUndefined();
    expect(session.root).toBe("/a");
  });

  it("go when it is cancelled, and come no more from it", async () => {
    const { session, told, begin } = start();
    const { result, report } = begin();
    report({ ...scoring, early: rankingOf(20) });
    session.cancel();
    expect(await result).toBeUndefined();
    report({ ...scoring, early: rankingOf(30) });
    expect(told).toEqual(["computing", 20, "empty", undefined]);
    expect(session.root).toBeUndefined();
  });

  it("go when the compute process ends", async () => {
    const { session, told, begin } = start();
    const { end, result, report } = begin();
    report({ ...scoring, early: rankingOf(20) });
    end?.reject(new TracInError("engine", "Ended."));
    await expect(result).rejects.toMatchObject({ kind: "engine" });
    expect(told).toEqual(["computing", 20, "error", undefined]);
    expect(session.early).toBeUndefined();
    session.goBack(); // no run was shown before
    expect(told.at(-1)).toBe("empty");
  });

  it("go back to the run that was shown before an error", async () => {
    const { session, told, begin } = start();
    const first = begin();
    first.end?.resolve({ id: "r", title: "test.csv:2" } as RunSummary);
    await first.result;
    const second = begin();
    second.end?.reject(new TracInError("engine", "Ended."));
    await second.result.catch(() => undefined);
    expect(session.state).toMatchObject({ kind: "error", before: "test.csv:2" });
    session.goBack();
    expect(session.state).toMatchObject({ kind: "run", run: { id: "r" } });
    session.goBack();
    expect(told.filter((kind) => kind === "run")).toHaveLength(2);
  });

  it("of one that gives way to another are not shown with that one", async () => {
    const { session, told, begin } = start();
    const first = begin();
    first.report({ ...scoring, early: rankingOf(20) });
    const second = begin("/b");
    expect(told.slice(2)).toEqual([undefined, "computing"]);
    first.report({ ...scoring, early: rankingOf(30) });
    await first.result;
    expect(session.early).toBeUndefined();
    second.report({ ...scoring, early: rankingOf(5) });
    expect(session.early?.scored).toBe(5);
    expect(session.root).toBe("/b");
  });
});
