import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { writePart } from "./document.ts";
import { listLatencies } from "./lists.ts";
import { load } from "./machine.ts";

/**
 * The bench of what a person waits for in the editor. `--write` puts its tables into docs/performance.md, `--rows` takes another
 * number of rows than a million.
 */
const { values } = parseArgs({
  options: { write: { type: "boolean", default: false }, rows: { type: "string" } },
});
const rows = Number(values.rows ?? 1_000_000);

async function main(): Promise<void> {
  const sections = new Map([["lists", await listsSection()]]);
  for (const [name, text] of sections) {
    process.stdout.write(`${text}\n\n`);
    if (values.write) {
      writePart(name, text);
    }
  }
}

async function listsSection(): Promise<string> {
  const latencies = await listLatencies(rows);
  return [
    `| 100 rows of a list of a run of ${rows.toLocaleString("en")} rows, in the compute process | ms |`,
    "|---|---:|",
    ...latencies.map(({ name, milliseconds }) => `| ${name} | ${milliseconds.toFixed(0)} |`),
    "",
    `*${machine()}.*`,
  ].join("\n");
}

function machine(): string {
  const [first] = cpus();
  const day = new Date().toLocaleDateString("en-GB", { dateStyle: "long" });
  return `${day}: ${first?.model.trim() ?? "unknown processor"}, ${cpus().length} cores, Node ${process.versions.node}; ${load()}`;
}

void main();
