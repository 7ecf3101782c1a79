import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SourceConfig } from "../../../src/core/config/config.ts";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { closing } from "./workspace.ts";

/** Files that pyarrow, NumPy and others wrote, and what they hold. */
export const goldens = fileURLToPath(new URL("../golden/readers/", import.meta.url));

interface Expected {
  readonly table: readonly Readonly<Record<string, unknown>>[];
  readonly pictures: string;
  readonly npz: Readonly<Record<string, { shape: readonly number[]; values: readonly number[] }>>;
  readonly idx: Readonly<Record<string, readonly number[]>>;
}
export const expected: Expected = JSON.parse(
  await readFile(join(goldens, "expected.json"), "utf8"),
);

/** Opens one of them, or a file in another folder. */
export function open(source: SourceConfig, root = goldens) {
  return closing(openDataset("train", source, root));
}
