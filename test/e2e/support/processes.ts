import { readdir, readFile } from "node:fs/promises";

/** The ids of the compute processes of extensions below `home` (Linux: read from /proc). */
export async function computeProcesses(home: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (/^\d+$/.test(entry)) {
      const command = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
      if (command.includes(home) && command.includes("dist/compute.js")) {
        found.push(Number(entry));
      }
    }
  }
  return found;
}
