import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { TracInError } from "../errors.ts";

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
 * Resolves a path against the workspace. Throws kind `data` when the file does not exist, or when it lies
 * outside of the workspace, by `..` or by a link.
 */
export async function resolveInside(root: string, path: string): Promise<InsidePath> {
  const written = forwardSlashes(path);
  const absolute = resolve(root, written);
  if (written.includes("\0") || !isInside(root, absolute)) {
    throw outside(path);
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
    throw outside(path);
  }
  return { absolute: real, relative: forwardSlashes(relative(root, absolute)) };
}

function outside(path: string): TracInError {
  return new TracInError(
    "data",
    "The path leaves the workspace.",
    { file: path },
    "Data must lie inside the folder that is open; copy it there or open a folder further up.",
  );
}
