import { rename, writeFile } from "node:fs/promises";
import { env } from "node:process";
import { type HostResult, RESULTS_VARIABLE } from "../results.ts";
import { tests } from "./tests.ts";

/** Runs the tests one after the other and leaves the results in the file that the runner waits for. */
export async function activate(): Promise<void> {
  const file = env[RESULTS_VARIABLE];
  if (file === undefined) {
    return;
  }
  const results: HostResult[] = [];
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      results.push({ name, error: undefined });
    } catch (error) {
      results.push({ name, error: error instanceof Error ? (error.stack ?? error.message) : "?" });
    }
  }
  await writeFile(`${file}.part`, JSON.stringify(results));
  await rename(`${file}.part`, file);
}
