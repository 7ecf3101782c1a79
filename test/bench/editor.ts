import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { listLatencies } from "./lists.ts";

/**
 * The bench of what a person waits for in the editor. `--write` puts its tables into docs/performance.md, `--rows` takes another
 * number of rows than a million.
 */
const { values } = parseArgs({
  options: { write: { type: "boolean", default: false }, rows: { type: "string" } },
});
const document = "docs/performance.md";
const rows = Number(values.rows ?? 1_000_000);

async function main(): Promise<void> {
  const sections = new Map([["lists", await listsSection()]]);
  for (const [name, text] of sections) {
    process.stdout.write(`${text}\n\n`);
    if (values.write) {
      await put(name, text);
    }
  }
}

async function listsSection(): Promise<string> {
  const latencies = await listLatencies(rows);
  return [
    `\`npm run bench:editor -- --write\`: what the compute process takes for 100 rows of a list of a run of ${rows.toLocaleString("en")} rows (6 checkpoints, one query; medians, each time with another`,
    `filter or column, so that nothing kept answers it). ${machine()}. Wanted: filter and sort within 150 ms.`,
    "",
    "| | ms |",
    "|---|---:|",
    ...latencies.map(({ name, milliseconds }) => `| ${name} | ${milliseconds.toFixed(0)} |`),
  ].join("\n");
}

function machine(): string {
  const [first] = cpus();
  const day = new Date().toLocaleDateString("en-GB", { dateStyle: "long" });
  return `${day}: ${first?.model.trim() ?? "unknown processor"}, ${cpus().length} cores, Node ${process.versions.node}`;
}

/** Replaces what stands between the comments of a section. */
async function put(name: string, text: string): Promise<void> {
  const before = await readFile(document, "utf8");
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [before.indexOf(start), before.indexOf(end)];
  if (from < 0 || to < from) {
    throw new Error(`${document} has no section "${name}".`);
  }
  await writeFile(document, `${before.slice(0, from)}${start}\n${text}\n${before.slice(to)}`);
}

void main();
