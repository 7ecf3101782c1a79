/** Whether `path` is `folder` or lies in it; either kind of slash. */
export function isInside(path: string, folder: string): boolean {
  const rest = path.startsWith(folder) ? path.slice(folder.length) : undefined;
  return rest !== undefined && (rest === "" || /[\\/]$/.test(folder) || /^[\\/]/.test(rest));
}

/** The deepest of `roots` that holds `path`. */
export function nearestRoot(path: string, roots: readonly string[]): string | undefined {
  return roots
    .filter((root) => isInside(path, root))
    .reduce<string | undefined>(
      (best, root) => (best === undefined || root.length > best.length ? root : best),
      undefined,
    );
}

/** `path` relative to `root` with forward slashes, as tracin.json and places write it. */
export function relativeTo(root: string, path: string): string {
  return path.slice(root.length).replaceAll("\\", "/").replace(/^\/+/, "");
}
