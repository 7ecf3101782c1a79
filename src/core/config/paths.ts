import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { TracInError } from "../errors.ts";

/**
 * The absolute form of a workspace path. The path must be relative and stay inside `root`, also after symbolic
 * links are followed; the file itself need not exist. Throws kind `config` otherwise.
 */
export async function resolveInside(root: string, path: string): Promise<string> {
  const absolute = resolve(root, path);
  if (
    isAbsolute(path) ||
    /^[a-z]:/i.test(path) ||
    path.includes("\0") ||
    !isInside(root, absolute)
  ) {
    throw outside(path);
  }
  const realRoot = await realpath(root).catch(() => {
    throw new TracInError("config", `The folder ${root} does not exist or cannot be read.`);
  });
  if (!isInside(realRoot, await realpathOfNearest(absolute))) {
    throw outside(path);
  }
  return absolute;
}

/** A path below `root` as TracIn writes it: relative, with forward slashes. */
export function toWorkspacePath(root: string, absolute: string): string {
  return relative(root, absolute).split(sep).join("/");
}

/** Throws kind `config` when a path or glob pattern is absolute or climbs out of its folder. */
export function checkPattern(pattern: string): void {
  if (isAbsolute(pattern) || /^[a-z]:/i.test(pattern) || pattern.split(/[\\/]/).includes("..")) {
    throw outside(pattern);
  }
}

function isInside(root: string, absolute: string): boolean {
  const path = relative(resolve(root), absolute);
  return path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

/** Follows links of the deepest part of the path that exists. */
async function realpathOfNearest(absolute: string): Promise<string> {
  try {
    return await realpath(absolute);
  } catch (error) {
    const parent = dirname(absolute);
    if (parent === absolute) {
      throw error;
    }
    return join(await realpathOfNearest(parent), absolute.slice(parent.length));
  }
}

function outside(path: string): TracInError {
  return new TracInError(
    "config",
    `The path "${path}" leaves the workspace folder.`,
    { file: path },
    "Use a path relative to the folder of tracin.json, and keep the files inside it.",
  );
}
