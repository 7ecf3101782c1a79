import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { rowHash } from "../../../src/core/datasets/row-hash.ts";
import type { Progress } from "../../../src/protocol/compute.ts";
import type { EarlyRanking } from "../../../src/protocol/early.ts";
import { type ComputeClient, createComputeClient } from "../../../src/protocol/rpc.ts";
import { copySample } from "../sample.ts";
import { buildPrograms, type Programs } from "../support/programs.ts";

let programs: Programs;
let folder: string;
let child: ChildProcess;
let client: ComputeClient;

beforeAll(async () => {
  programs = await buildPrograms();
});
afterAll(() => programs.dispose());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracin-compute-"));
  child = fork(programs.compute, [], { serialization: "advanced", execArgv: [] });
  client = createComputeClient(child);
});
afterEach(async () => {
  client.dispose();
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await rm(folder, { recursive: true, force: true });
});

async function sample(name: string): Promise<string> {
  const root = join(folder, name);
  await copySample(name, root);
  return root;
}

describe("the compute process", () => {
  it("opens, explains, lists, pages and marks", async () => {
    const root = await sample("iris");
    const project = await client.request("open", { root });
    expect(project.datasets.map(({ name }) => name)).toEqual(["train", "test"]);
    expect(project.checkpoints.length).toBeGreaterThanOrEqual(5);
    expect(project.model.parameters.every(({ counted }) => counted)).toBe(true);

    const located = await client.request("locate", { root, file: "test.csv", line: 4 });
    expect(located).toEqual({ dataset: "test", index: 3 });
    expect(await client.request("locate", { root, file: "other.csv", line: 4 })).toBeNull();
    expect(await client.request("locate", { root, file: "test.csv", line: 0 })).toBeNull();

    const progress: Progress[] = [];
    const run = await client.request(
      "explain",
      { root, queries: [{ dataset: "test", index: 3 }], explain: "target" },
      { onProgress: (step) => progress.push(step) },
    );
    expect(progress.map(({ phase }) => phase)).toEqual(
      expect.arrayContaining(["opening", "queries", "scoring", "writing"]),
    );
    expect(run.changes).toEqual([]);
    const row = (await readFile(`${root}/test.csv`, "utf8")).split("\n")[4] ?? "";
    const place = { file: "test.csv", line: 4, lineCount: 1, rowHash: rowHash(row) };
    expect(run.queries[0]?.place).toEqual(place);
    expect(run.queries[0]?.preview.kind).toBe("fields");

    const request = { root, runId: run.id, query: 0, offset: 0, limit: 5 };
    const rows = await client.request("rows", { ...request, view: "proponents" });
    expect(rows.rows).toHaveLength(5);
    expect(rows.rows[0]?.preview.kind).toBe("fields");
    expect(rows.scale).toBeCloseTo(rows.rows[0]?.score ?? 0, 6);
    const next = await client.request("rows", { ...request, view: "proponents", offset: 5 });
    expect(next.rows[0]?.rank).toBe(6);
    const marks = await client.request("marks", {
      root,
      runId: run.id,
      limit: 3,
      file: "train.csv",
    });
    expect(marks.filter(({ kind }) => kind === "proponent").map(({ index }) => index)).toEqual(
      rows.rows.slice(0, 3).map(({ index }) => index),
    );
    const marked = await client.request("marks", {
      root,
      runId: run.id,
      limit: 3,
      file: "test.csv",
    });
    expect(marked.map(({ kind, index }) => [kind, index])).toEqual([["query", 3]]);

    const suspects = await client.request("suspects", { root });
    expect(suspects.kind).toBe("suspects");
    expect((await client.request("listRuns", { root })).map(({ id }) => id).sort()).toEqual(
      [run.id, suspects.id].sort(),
    );
    await client.request("deleteRun", { root, runId: run.id });
    expect((await client.request("listRuns", { root })).map(({ id }) => id)).toEqual([suspects.id]);
    await expect(client.request("rows", { ...request, view: "suspects" })).rejects.toMatchObject({
      kind: "store",
    });
  });

  it("sends the first places of a run's lists before it is written, and they are those of the finished run", async () => {
    const root = await sample("digits");
    const early: EarlyRanking[] = [];
    const phases: string[] = [];
    const run = await client.request(
      "explain",
      { root, queries: [{ dataset: "test", index: 142 }], explain: "target" },
      {
        onProgress: (step) => {
          phases.push(step.phase);
          if (step.early) {
            early.push(step.early);
          }
        },
      },
    );
    const last = early.at(-1);
    expect(last).toMatchObject({ scored: run.examples, examples: run.examples, queries: 1 });
    expect(early.every(({ scored }, at) => scored > (early[at - 1]?.scored ?? 0))).toBe(true);
    for (const { view, rows } of last?.lists ?? []) {
      const request = { root, runId: run.id, view, query: 0, offset: 0, limit: rows.length };
      const finished = await client.request("rows", request);
      const known = finished.rows.map(({ content: _, combined: __, ...row }) => row);
      expect(rows).toHaveLength(10);
      expect(rows.map(({ combined: _, ...row }) => row)).toMatchObject(
        known.map(({ rank, index, preview, target, predicted, suggested }) => ({
          rank,
          index,
          preview,
          target,
          predicted,
          suggested,
        })),
      );
      for (const [at, row] of rows.entries()) {
        expect(row.score).toBeCloseTo(known[at]?.score ?? 0, 5);
        expect(row.parts).toEqual(known[at]?.parts);
        expect(row.loss).toBeCloseTo(known[at]?.loss ?? 0, 5);
        expect(row.margin).toBeCloseTo(known[at]?.margin ?? 0, 5);
      }
    }
  });

  it("warms up for a question, gives way to it, and leaves what is wrong to be told by it", async () => {
    const root = await sample("digits");
    await client.request("warmUp", { root, compile: false });
    const warming = client.request("warmUp", { root, compile: true });
    const query = { dataset: "test", index: 3 };
    const run = await client.request("explain", { root, queries: [query], explain: "target" });
    expect(run.queries).toHaveLength(1);
    await warming;
    await client.request("warmUp", { root, compile: true });
    expect((await client.request("listRuns", { root })).map(({ id }) => id)).toEqual([run.id]);
    await writeFile(join(root, "tracin.json"), "{ broken");
    await client.request("warmUp", { root, compile: true });
    await expect(client.request("suspects", { root })).rejects.toMatchObject({ kind: "config" });
  });

  it("lists runs without reading what their queries look like, which one run alone tells", async () => {
    const root = await sample("iris");
    const query = { dataset: "test", index: 4 };
    const run = await client.request("explain", { root, queries: [query], explain: "target" });
    const [listed] = await client.request("listRuns", { root });
    expect(listed?.queries[0]?.preview).toEqual({ kind: "text", text: "test.csv:6" });
    const read = await client.request("readRun", { root, runId: run.id });
    expect(read.queries[0]?.preview).toMatchObject({ kind: "fields" });
    expect(read).toEqual(run);
    await expect(client.request("readRun", { root, runId: "gone" })).rejects.toMatchObject({
      kind: "store",
    });
  });

  it("notices changed inputs and opens the project again", async () => {
    const root = await sample("iris");
    const before = await client.request("open", { root });
    const run = await client.request("suspects", { root });
    await rm(join(root, before.checkpoints.at(-1)?.file ?? ""));
    const after = await client.request("open", { root });
    expect(after.checkpoints).toHaveLength(before.checkpoints.length - 1);
    const [listed] = await client.request("listRuns", { root });
    expect(listed?.id).toBe(run.id);
    expect(listed?.changes).toEqual([`${before.checkpoints.at(-1)?.file} was removed`]);
    await writeFile(join(root, "tracin.json"), "{ broken");
    await expect(client.request("open", { root })).rejects.toMatchObject({
      kind: "config",
      place: { file: "tracin.json", line: 1 },
    });
  });

  it("knows images again whose times changed, as a checkout does", async () => {
    const root = await sample("digits");
    await client.request("suspects", { root });
    const images = join(root, "train");
    const names = (await readdir(images)).filter((name) => name.endsWith(".png"));
    const now = new Date();
    await Promise.all(names.map((name) => utimes(join(images, name), now, now)));
    const changes = async () => (await client.request("listRuns", { root }))[0]?.changes;
    expect(await changes()).toEqual([]);
    const other = await readFile(join(images, names[1] ?? ""));
    await writeFile(join(images, names[0] ?? ""), other);
    await setTimeout(300); // a listing is used again for 250 ms
    expect(await changes()).toEqual(["images in train changed"]);
  });

  it("sets a workspace up by its own findings", async () => {
    const root = await sample("iris");
    await rm(join(root, "tracin.json"));
    await expect(client.request("open", { root })).rejects.toMatchObject({ kind: "config" });
    const proposal = await client.request("detect", { root, answers: {} });
    expect(proposal.notes.length).toBeGreaterThan(0);
    await expect(
      client.request("writeConfig", { root, config: { model: 3 } }),
    ).rejects.toMatchObject({ kind: "config" });
    await client.request("writeConfig", { root, config: proposal.config });
    expect((await client.request("open", { root })).datasets.length).toBeGreaterThan(0);
  });

  it("answers a cancelled request within a second and works on", async () => {
    const root = await sample("digits");
    const controller = new AbortController();
    let cancelledAt = 0;
    const call = client.request(
      "explain",
      { root, queries: [{ dataset: "test", index: 0 }], explain: "target" },
      {
        signal: controller.signal,
        onProgress: ({ phase, done, total }) => {
          if (phase === "scoring" && done > total / 5 && cancelledAt === 0) {
            cancelledAt = performance.now();
            controller.abort();
          }
        },
      },
    );
    await expect(call).rejects.toMatchObject({ kind: "cancelled" });
    expect(performance.now() - cancelledAt).toBeLessThan(1000);
    await expect
      .poll(() => readdir(join(root, ".tracin", "runs")), { timeout: 10_000 })
      .toEqual([]);
    expect((await client.request("open", { root })).root).toBe(root);
  });

  it("rejects what is pending when it is killed", async () => {
    const root = await sample("digits");
    child.once("exit", () => client.dispose());
    const call = client.request(
      "suspects",
      { root },
      { onProgress: ({ phase }) => phase === "scoring" && child.kill("SIGKILL") },
    );
    await expect(call).rejects.toMatchObject({ kind: "engine" });
  });

  it("ends by itself when its parent is gone", async () => {
    await client.request("listRuns", { root: folder });
    child.disconnect();
    const [code] = await once(child, "exit");
    expect(code).toBe(0);
  });
});
