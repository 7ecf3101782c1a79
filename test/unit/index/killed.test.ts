import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { shardsFolder } from "../../../src/core/index/manifest.ts";
import { useCli } from "../support/programs.ts";

const kills = 50;

const cli = useCli("spam");
const root = () => cli.root("spam");

function startBuild(): ChildProcess {
  const options = ["--quiet", "--shard-rows", "16", "--sketch", "64", "--root", root()];
  return spawn(process.execPath, [cli.program, "index", ...options], { stdio: "ignore" });
}

async function finishBuild(): Promise<void> {
  const [code] = await once(startBuild(), "exit");
  expect(code).toBe(0);
}

async function fileNames(): Promise<string[]> {
  return readdir(shardsFolder(root())).catch(() => []);
}

const finished = (names: readonly string[]) =>
  names.filter((name) => name.endsWith(".safetensors"));

/** The bytes of finished shards, and what changes when one is written again. */
async function shards(): Promise<Map<string, { bytes: Buffer; written: string }>> {
  const folder = shardsFolder(root());
  const entries = await Promise.all(
    finished(await fileNames()).map(async (name) => {
      const { mtimeMs, ino } = await stat(join(folder, name));
      const bytes = await readFile(join(folder, name));
      return [name, { bytes, written: `${mtimeMs} ${ino}` }] as const;
    }),
  );
  return new Map(entries);
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Kills a build so many milliseconds after its start, and says whether it was still running. */
async function killAfter(milliseconds: number): Promise<boolean> {
  const child = startBuild();
  const ended = once(child, "exit");
  await Promise.race([ended, pause(milliseconds)]);
  const wasRunning = child.exitCode === null;
  child.kill("SIGKILL");
  await ended;
  return wasRunning;
}

it("killed at any moment, a build loses, doubles and damages nothing, and ends as if it had not been killed", async () => {
  const started = performance.now();
  await finishBuild();
  const duration = performance.now() - started;
  const whole = await shards();
  const manifest = async () => {
    const text = await readFile(join(root(), ".tracin/index/index.json"), "utf8");
    return { ...(JSON.parse(text) as object), created: "" };
  };
  const expected = await manifest();
  const restart = () => rm(join(root(), ".tracin"), { recursive: true });
  await restart();

  let known: Awaited<ReturnType<typeof shards>> = new Map();
  let withProgress = 0;
  for (let kill = 0; kill < kills; ) {
    // Any moment of a whole build: while it opens, computes, writes a shard or the manifest. No seed would bring a moment
    // back, as builds differ in speed; a failure says when its build was killed, and what was finished before.
    const moment = Math.random() * duration;
    const wasRunning = await killAfter(moment);
    const now = await shards();
    const when = `killed after ${moment.toFixed(1)} of ${duration.toFixed(1)} ms, ${known.size} shards finished before`;
    for (const [name, { bytes }] of now) {
      expect(whole.get(name)?.bytes.equals(bytes), `${name}, ${when}`).toBe(true);
    }
    for (const [name, { written }] of known) {
      // What was finished is there, and was not written again.
      expect(now.get(name)?.written, `${name}, ${when}`).toBe(written);
    }
    if (wasRunning) {
      kill++;
      withProgress += Number(now.size > known.size);
      known = now;
    } else {
      await restart();
      known = new Map();
    }
  }
  expect(withProgress).toBeGreaterThan(0);
  // A helper of the last killed build may end, and leave a part of a shard, only now: the next build removes it.
  const namesAfterBuild = async () => {
    await finishBuild();
    return (await fileNames()).sort();
  };
  await expect
    .poll(namesAfterBuild, { timeout: 30_000, interval: 500 })
    .toEqual([...whole.keys()].sort());
  for (const [name, { bytes }] of await shards()) {
    expect(whole.get(name)?.bytes.equals(bytes), name).toBe(true);
  }
  expect(await manifest()).toEqual(expected);
}, 300_000);
