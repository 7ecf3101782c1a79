import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

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
