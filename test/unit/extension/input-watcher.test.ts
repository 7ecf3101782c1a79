import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createStub, Listeners } from "./vscode.ts";

const stub = createStub();
vi.mock("vscode", () => stub.api);
const { InputWatcher } = await import("../../../src/project/input-watcher.ts");

interface Changed {
  readonly path: string;
}

/** The watchers that are on, by their patterns. */
const watchers = new Map<string, Record<"change" | "create" | "delete", Listeners<Changed>>>();

beforeEach(() => {
  vi.useFakeTimers();
  watchers.clear();
  Object.assign(stub.api["workspace"] as object, {
    createFileSystemWatcher: ({ pattern }: { readonly pattern: string }) => {
      const [change, create, gone] = [
        new Listeners<Changed>(),
        new Listeners<Changed>(),
        new Listeners<Changed>(),
      ];
      watchers.set(pattern, { change, create, delete: gone });
      return {
        dispose: () => watchers.delete(pattern),
        onDidChange: change.event,
        onDidCreate: create.event,
        onDidDelete: gone.event,
      };
    },
  });
});
afterEach(() => {
  vi.useRealTimers();
});

it("tells once of the many files that a checkout writes, by project", () => {
  const watcher = new InputWatcher();
  const told: string[] = [];
  watcher.onDidChange((root) => told.push(root));
  watcher.watch([
    { root: "/w/a", inputs: ["train.csv", "epoch-*.pt"] },
    { root: "/w/b", inputs: ["other.csv"] },
  ]);
  watchers.get("train.csv")?.change.fire({ path: "/w/a/train.csv" });
  vi.advanceTimersByTime(200);
  watchers.get("epoch-*.pt")?.create.fire({ path: "/w/a/epoch-1.pt" });
  watchers.get("other.csv")?.delete.fire({ path: "/w/b/other.csv" });
  vi.advanceTimersByTime(200);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(200);
  expect(told).toEqual(["/w/a", "/w/b"]);

  watcher.watch([{ root: "/w/a", inputs: ["train.csv"] }]);
  expect([...watchers.keys()]).toEqual(["train.csv"]);
  watcher.dispose();
  expect(watchers.size).toBe(0);
});

it("does not tell of the images that runs keep", () => {
  const watcher = new InputWatcher();
  const told: string[] = [];
  watcher.onDidChange((root) => told.push(root));
  watcher.watch([{ root: "/w/a", inputs: ["**/*.png"] }]);
  const { create } = watchers.get("**/*.png") ?? {};
  create?.fire({ path: "/w/a/.tracin/runs/1/query-0.png" });
  vi.advanceTimersByTime(400);
  expect(told).toEqual([]);
  create?.fire({ path: "/w/a/images/1.png" });
  vi.advanceTimersByTime(400);
  expect(told).toEqual(["/w/a"]);
  watcher.dispose();
});

it("tells at once of what TracIn itself has changed, and not again for what was waited for", () => {
  const watcher = new InputWatcher();
  const told: string[] = [];
  watcher.onDidChange((root) => told.push(root));
  watcher.watch([{ root: "/w/a", inputs: ["train.csv"] }]);
  watchers.get("train.csv")?.change.fire({ path: "/w/a/train.csv" });
  watcher.tellNow("/w/a");
  expect(told).toEqual(["/w/a"]);
  vi.advanceTimersByTime(400);
  expect(told).toEqual(["/w/a"]);
  watcher.dispose();
});
