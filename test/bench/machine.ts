import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";

const packages = ["torch", "captum", "dattri"];

/** Where and with what a part was measured: one sentence for the document. */
export function provenance(peak: number, python: string | undefined): string {
  const date = new Date().toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
  });
  const { version } = JSON.parse(
    readFileSync("node_modules/onnxruntime-node/package.json", "utf8"),
  ) as { version: string };
  const machine = `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores`;
  const [load = 0] = loadavg();
  const parts = [
    machine,
    `Node ${process.versions.node}`,
    `onnxruntime-node ${version}`,
    ...pythonVersions(python),
    `matrix product on all cores: ${(peak / 1e9).toFixed(0)} billion multiply-adds per second`,
    // Above one process per core, what was measured waited for others.
    ...(load > 1 ? [`load ${load.toFixed(1)} at the start, so other programs ran beside it`] : []),
  ];
  return `*${date}: ${parts.join(", ")}.*`;
}

/** How busy the machine was, which tells how much of a time is waiting for others. */
export function load(): string {
  return `${(loadavg()[0] ?? 0).toFixed(1)} programs wanted a core in the last minute`;
}

function pythonVersions(python: string | undefined): string[] {
  if (python === undefined) {
    return [];
  }
  const code = `from importlib.metadata import version
for name in ${JSON.stringify(packages)}:
    try: print(name, version(name))
    except Exception: pass`;
  const { stdout } = spawnSync(python, ["-c", code], { encoding: "utf8" });
  return stdout.trim().split("\n");
}
