import { readdir, readFile } from "node:fs/promises";

/** The ids of the compute processes of extensions below `home` (Linux: read from /proc). */
export function computeProcesses(home: string): Promise<readonly number[]> {
  return processes((command) => command.includes(home) && command.includes("dist/compute.js"));
}

/** The ids of the extension hosts of the VS Code whose home is `home`. */
export async function extensionHosts(home: string): Promise<readonly number[]> {
  const hosts = await processes((command) => command.includes("--type=extensionHost"));
  const own = await Promise.all(
    hosts.map(async (id) =>
      (await readFile(`/proc/${id}/environ`, "utf8").catch(() => "")).includes(`HOME=${home}\0`),
    ),
  );
  return hosts.filter((_, at) => own[at]);
}

/** Resident memory of a process in bytes. */
export async function residentMemory(id: number): Promise<number> {
  const status = await readFile(`/proc/${id}/status`, "utf8").catch(() => "");
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
}

async function processes(wanted: (command: string) => boolean): Promise<readonly number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (/^\d+$/.test(entry)) {
      const command = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
      if (wanted(command)) {
        found.push(Number(entry));
      }
    }
  }
  return found;
}
