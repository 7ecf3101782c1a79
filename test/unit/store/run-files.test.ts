import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { newRunId, readSmallFile, runFolder } from "../../../src/core/store/folder.ts";
import { RunReader } from "../../../src/core/store/reader.ts";
import { deleteRun, listRuns, readRecord } from "../../../src/core/store/runs.ts";
import { recordFile, tableFile } from "../../../src/core/store/writer.ts";
import { emptyFolder } from "../support/folder.ts";
import { chunk, createWriter, record, writeRun } from "./written.ts";

const workspace = emptyFolder();

describe("a run on disk", () => {
  it("is not written when it is cancelled at the end", async () => {
    const controller = new AbortController();
    const writer = await createWriter(workspace.root, "run-1", 10, controller.signal);
    await writer.add(chunk(0, 10));
    const finished = writer.finish(() => record("run-1", 10));
    controller.abort();
    await expect(finished).rejects.toMatchObject({ kind: "cancelled" });
    await writer.discard();
    expect(await readdir(join(workspace.root, ".tracin", "runs"))).toEqual([]);
  });

  it("writes nothing more of what waits when it is cancelled", async () => {
    const controller = new AbortController();
    const writer = await createWriter(workspace.root, "run-1", 500_000, controller.signal);
    const waiting = [0, 1, 2, 3].map((i) => writer.add(chunk(125_000 * i, 125_000)));
    controller.abort();
    const settled = await Promise.allSettled(waiting);
    expect(settled.map(({ status }) => status)).toEqual(Array(4).fill("rejected"));
    await writer.discard();
    expect(await readdir(join(workspace.root, ".tracin", "runs"))).toEqual([]);
  });

  it("keeps .tracin out of version control, except reviews", async () => {
    await writeRun(workspace.root, "run-1", 3, [[0, 3]]);
    expect(await readFile(join(workspace.root, ".tracin", ".gitignore"), "utf8")).toBe(
      "*\n!reviews.jsonl\n!.gitignore\n",
    );
  });

  it("shows nothing of an unfinished or discarded run", async () => {
    const writer = await createWriter(workspace.root, "run-1", 10);
    await writer.add(chunk(0, 5));
    expect(await listRuns(workspace.root)).toEqual([]);
    await expect(writer.finish(() => record("run-1", 10))).rejects.toThrow(/Only 5 of 10/);
    await writer.discard();
    expect(await readdir(join(workspace.root, ".tracin", "runs"))).toEqual([]);
  });

  it("refuses an example that comes twice or does not exist", async () => {
    const writer = await createWriter(workspace.root, "run-1", 10);
    await writer.add(chunk(0, 5));
    await expect(writer.add(chunk(4, 2))).rejects.toThrow(/Example 4 was scored twice/);
    await writer.discard();
    const other = await createWriter(workspace.root, "run-2", 10);
    await expect(other.add(chunk(8, 5))).rejects.toThrow(/out of range/);
    await other.discard();
  });

  it("lists damaged runs with their error, and the others all the same", async () => {
    await writeRun(workspace.root, "20260101T000000-good", 3, [[0, 3]]);
    await writeRun(workspace.root, "20260102T000000-truncated", 300, [[0, 300]]);
    const runs = join(workspace.root, ".tracin", "runs");
    const damages: [string, string][] = [
      ["20260103T000000-text", "{ not json"],
      ["20260104T000000-empty", ""],
      ["20260105T000000-fields", JSON.stringify({ version: 1, id: "20260105T000000-fields" })],
      ["20260106T000000-other", JSON.stringify(record("something-else", 3))],
      [
        "20260107T000000-climbs",
        JSON.stringify({
          ...record("20260107T000000-climbs", 3),
          inputs: [{ kind: "file", path: "../../etc/passwd", size: 1, modified: 1, sha256: "" }],
        }),
      ],
    ];
    for (const [id, text] of damages) {
      await mkdir(join(runs, id));
      await writeFile(join(runs, id, recordFile), text);
    }
    await truncate(join(runs, "20260102T000000-truncated", tableFile), 200);
    const listed = await listRuns(workspace.root);
    expect(listed.map((run) => (run.ok ? run.record.id : run.id))).toEqual([
      ...damages.map(([id]) => id).reverse(),
      "20260102T000000-truncated",
      "20260101T000000-good",
    ]);
    expect(listed.filter((run) => run.ok).length).toBe(2);
    for (const run of listed) {
      if (!run.ok) {
        expect(run.error.kind).toBe("store");
        expect(run.error.place.file).toContain(run.id);
      }
    }
    await expect(RunReader.open(workspace.root, "20260102T000000-truncated")).rejects.toMatchObject(
      {
        kind: "store",
      },
    );
    await deleteRun(workspace.root, "20260102T000000-truncated");
    expect(await listRuns(workspace.root)).toHaveLength(6);
  });

  it.each(["..", "../../etc", "a/b", "", "x".repeat(200)])("takes %j for no run", async (id) => {
    await expect(RunReader.open(workspace.root, id)).rejects.toThrow(/not the name of a run/);
    await expect(deleteRun(workspace.root, id)).rejects.toThrow(/not the name of a run/);
  });

  it("follows no link out of the workspace", async () => {
    const outside = await mkdtemp(join(tmpdir(), "tracin-outside-"));
    try {
      await mkdir(join(outside, "documents"));
      await mkdir(join(outside, "work.partial"));
      await utimes(join(outside, "work.partial"), 0, 0);
      await mkdir(join(workspace.root, ".tracin"));
      await symlink(outside, join(workspace.root, ".tracin", "runs"), "dir");
      const listed = await listRuns(workspace.root);
      expect(listed.map(({ ok }) => ok)).toEqual(listed.map(() => false));
      await expect(deleteRun(workspace.root, "documents")).rejects.toThrow(/leaves the workspace/);
      await expect(createWriter(workspace.root, "run-1", 3)).rejects.toThrow(
        /leaves the workspace/,
      );
      expect((await readdir(outside)).sort()).toEqual(["documents", "work.partial"]);
    } finally {
      await rm(outside, { recursive: true, force: true });
    }
  });

  it.runIf(process.platform !== "win32")("reads no device as a run", async () => {
    const folder = join(workspace.root, runFolder("run-1"));
    await mkdir(folder, { recursive: true });
    await symlink("/dev/zero", join(folder, recordFile));
    await expect(readRecord(workspace.root, "run-1")).rejects.toMatchObject({ kind: "store" });
    await expect(readSmallFile("/dev/zero", 100)).rejects.toThrow(/no file/);
  });

  it("names runs so that they sort by time", () => {
    const id = newRunId(new Date("2026-07-30T10:15:30.123Z"), "Test 142: why?");
    expect(id).toMatch(/^20260730T101530-test-142-why-[0-9a-f]{4}$/);
    expect(runFolder(id)).toBe(`.tracin/runs/${id}`);
  });
});
