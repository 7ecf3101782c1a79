import { cp } from "node:fs/promises";
import { basename, join } from "node:path";

/** Copies a sample without the runs that somebody may have made in it. */
export async function copySample(name: string, target: string): Promise<void> {
  const source = join(import.meta.dirname, "../../samples", name);
  await cp(source, target, {
    recursive: true,
    filter: (file) => basename(file) !== ".tracin",
  });
}
