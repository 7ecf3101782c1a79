import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll } from "vitest";
import { copySample } from "../sample.ts";

/** Bundles of the command line and the compute processes, built for one test file. */
export interface Programs {
  readonly cli: string;
  readonly compute: string;
  dispose(): Promise<void>;
}

/** Builds the programs inside the repository, where they find the native packages. */
export async function buildPrograms(): Promise<Programs> {
  await mkdir("dist", { recursive: true });
  const folder = resolve(await mkdtemp(join("dist", "test-")));
  await promisify(execFile)(process.execPath, ["esbuild.mjs", "--programs", folder]);
  return {
    cli: join(folder, "cli.js"),
    compute: join(folder, "compute.js"),
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The command line and copies of samples, for all tests of a file. */
export function useCli(...samples: readonly string[]) {
  let programs: Programs | undefined;
  let folder = "";
  beforeAll(async () => {
    programs = await buildPrograms();
    folder = await mkdtemp(join(tmpdir(), "tracin-cli-"));
    for (const sample of samples) {
      await copySample(sample, join(folder, sample));
    }
  });
  afterAll(async () => {
    await programs?.dispose();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    /** Path of the program. */
    get program() {
      return programs?.cli ?? "";
    },
    /** Folder of the copy of a sample. */
    root: (sample: string) => join(folder, sample),
  };
}
