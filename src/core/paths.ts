import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { TracInError } from "./errors.ts";

/** A file or folder inside the workspace. */
export interface InsidePath {
  /** Absolute, with links resolved. */
  readonly absolute: string;
  /** Relative to the workspace as the person wrote it, with forward slashes. */
  readonly relative: string;
}

/** A path with forward slashes, whatever the system that wrote it. */
export function forwardSlashes(path: string): string {
  return path.replaceAll("\\", "/");
}

/** True when `path` is `folder` or lies under it; both absolute. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

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
    throw outsideConfig(path);
  }
  const realRoot = await realpath(root).catch(() => {
    throw new TracInError("config", `The folder ${root} does not exist or cannot be read.`);
  });
  if (!isInside(realRoot, await realpathOfNearest(absolute))) {
    throw outsideConfig(path);
  }
  return absolute;
}

/** A path below `root` as TracIn writes it: relative, with forward slashes. */
export function toWorkspacePath(root: string, absolute: string): string {
  return forwardSlashes(relative(root, absolute));
}

/** Throws kind `config` when a path or glob pattern is absolute or climbs out of its folder. */
export function checkPattern(pattern: string): void {
  if (isAbsolute(pattern) || /^[a-z]:/i.test(pattern) || pattern.split(/[\\/]/).includes("..")) {
    throw outsideConfig(pattern);
  }
}

/**
 * Resolves a path against the workspace. Throws kind `data` when the file does not exist, or when it lies
 * outside of the workspace, by `..` or by a link.
 */
export async function resolveExisting(root: string, path: string): Promise<InsidePath> {
  const written = forwardSlashes(path);
  const absolute = resolve(root, written);
  if (written.includes("\0") || !isInside(root, absolute)) {
    throw outsideData(path);
  }
  let real: string;
  let realRoot: string;
  try {
    [real, realRoot] = await Promise.all([realpath(absolute), realpath(root)]);
  } catch (error) {
    throw new TracInError(
      "data",
      "The file does not exist or cannot be read.",
      { file: written },
      "Correct the path in tracin.json, or put the file there.",
      { cause: error },
    );
  }
  if (!isInside(realRoot, real)) {
    throw outsideData(path);
  }
  return { absolute: real, relative: forwardSlashes(relative(root, absolute)) };
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

function outsideConfig(path: string): TracInError {
  return new TracInError(
    "config",
    `The path "${path}" leaves the workspace folder.`,
    { file: path },
    "Use a path relative to the folder of tracin.json, and keep the files inside it.",
  );
}

function outsideData(path: string): TracInError {
  return new TracInError(
    "data",
    "The path leaves the workspace.",
    { file: path },
    "Data must lie inside the folder that is open; copy it there or open a folder further up.",
  );
}
