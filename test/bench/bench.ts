/**
 * npm run bench [-- --only PART,...] [--write] [--json FILE] [--quick] [--without-peers] [--python PROGRAM]
 *
 * Times TracIn on fixed workloads, and, where Python with captum, dattri and PyTorch is at hand (`--python`, or the parity
 * suite's environment), the same work by others in the same run. `--write` puts each part into its place in
 * docs/performance.md; the parts that did not run stay as they are there. `--quick` tries everything on few examples.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writePart } from "./document.ts";
import { provenance } from "./machine.ts";
import { matrixProductPeak } from "./measure.ts";
import { compressionPart } from "./parts/compression.ts";
import { enginesPart } from "./parts/engines.ts";
import { indexPart } from "./parts/gradient-index.ts";
import { lastPart, selfPart } from "./parts/last.ts";
import type { Part } from "./parts/part.ts";
import { queriesPart, scalingPart } from "./parts/scaling.ts";
import { digitsPart, enginePart, workloadParts } from "./parts/workloads.ts";
import { findPython } from "./peers.ts";

const parts: readonly Part[] = [
  enginePart,
  digitsPart,
  ...workloadParts,
  lastPart,
  selfPart,
  enginesPart,
  scalingPart,
  queriesPart,
  indexPart,
  compressionPart,
];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "string" },
      python: { type: "string" },
      "without-peers": { type: "boolean", default: false },
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  if (values.quick && values.write) {
    throw new Error("--quick measures nothing that could be written: leave out --write.");
  }
  const names = parts.map(({ name }) => name);
  const only = values.only?.split(",") ?? names;
  const unknown = only.find((part) => !names.includes(part));
  if (unknown !== undefined) {
    throw new Error(`--only takes ${names.join(", ")}, not "${unknown}".`);
  }
  const python = findPython(values.python);
  const folder = mkdtempSync(join(tmpdir(), "tracin-bench-"));
  const found: Record<string, unknown> = {};
  try {
    const peak = await matrixProductPeak();
    const measured = provenance(peak, python);
    print(measured);
    const context = {
      folder,
      peak,
      python,
      quick: values.quick,
      withPeers: !values["without-peers"],
    };
    for (const part of parts.filter(({ name }) => only.includes(name))) {
      const started = performance.now();
      const result = await part.run(context);
      const took = ((performance.now() - started) / 1000).toFixed(0);
      if (result === undefined) {
        print(`\n${part.name}: needs Python with PyTorch (--python).`);
        continue;
      }
      print(`\n${part.name} (${took} s)\n\n${result.markdown}`);
      found[part.name] = result.data;
      if (values.write) {
        writePart(part.name, `${result.markdown}\n\n${measured}`);
      }
    }
    if (python === undefined) {
      print(
        "\nNo peers: give --python, or make the parity suite's environment (npm run test:parity).",
      );
    }
    if (values.json !== undefined) {
      const report = { measured, peak, parts: found };
      writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
});
