import { listLatencies } from "./lists.ts";

const rows = Number(process.argv[2] ?? 1_000_000);
for (const { name, milliseconds } of await listLatencies(rows)) {
  process.stdout.write(`${name.padEnd(50)} ${milliseconds.toFixed(0).padStart(6)} ms\n`);
}
