import { stat } from "node:fs/promises";
import { posix } from "node:path";
import { glob } from "tinyglobby";
import { TracInError } from "../errors.ts";
import { checkPattern, resolveInside, toWorkspacePath } from "../paths.ts";
import { epochInName } from "./epoch.ts";
import { isCheckpointFolder } from "./folder.ts";
import { openCheckpoint } from "./open.ts";

const natural = new Intl.Collator("en", { numeric: true });
const checkpointName = /\.(pt|pth|ckpt|bin|safetensors|onnx|keras|h5|hdf5|npz)$/i;

/**
 * Finds checkpoint files in training order.
 *
 * Each pattern gives its files in natural order (`epoch-2` before `epoch-10`); patterns follow each other as
 * listed, and a file counts once. A folder that a trainer wrote (`checkpoint-500`) is one checkpoint; any other
 * stands for the checkpoints in it. Where some name has no number (`best.pt`, `last.pt`) or begins with a fractional one
 * (`0.43-05.keras`), the files of that pattern are ordered by the step or epoch that they tell, if all of them tell one.
 * @param root absolute workspace folder; nothing outside of it is listed, links that lead out are refused
 * @returns paths relative to the root, with forward slashes
 * Throws kind `config` for a pattern that matches nothing or leaves the workspace.
 */
export async function findCheckpoints(
  root: string,
  patterns: string | readonly string[],
): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of typeof patterns === "string" ? [patterns] : patterns) {
    const files = await matchPattern(root, pattern);
    if (files.length === 0) {
      throw new TracInError(
        "config",
        `No checkpoint matches "${pattern}".`,
        { file: pattern },
        'Correct "checkpoints.files" in tracin.json; patterns are relative to its folder.',
      );
    }
    for (const file of await order(root, files)) {
      found.add(file);
    }
  }
  return [...found];
}

async function matchPattern(root: string, pattern: string): Promise<string[]> {
  checkPattern(pattern);
  // A path may contain characters that mean something in patterns: `run[1]/last.pt`.
  const literal = await kindOf(await resolveInside(root, pattern));
  const path = toWorkspacePath(root, await resolveInside(root, pattern));
  if (literal === "file" || literal === "checkpoint") {
    return [path];
  }
  const matches = await glob(literal === "folder" ? "*" : pattern, {
    cwd: literal === "folder" ? await resolveInside(root, pattern) : root,
    expandDirectories: false,
    onlyFiles: false,
    ignore: ["**/node_modules/**", "**/.tracin/**"],
  });
  const files: string[] = [];
  for (const match of matches) {
    const found = match.replace(/\/$/, "");
    const file = literal === "folder" ? posix.join(path, found) : found;
    const kind = await kindOf(await resolveInside(root, file));
    if (kind === "checkpoint" || (kind === "file" && isCheckpointName(file, literal))) {
      files.push(file);
    }
  }
  return files;
}

/** In a folder that is named as a whole, only files of a known kind count; folders in it are told by their content. */
function isCheckpointName(file: string, literal: Kind | undefined): boolean {
  return literal !== "folder" || checkpointName.test(file);
}

type Kind = "file" | "folder" | "checkpoint";

async function kindOf(path: string): Promise<Kind | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) {
      return (await isCheckpointFolder(path)) ? "checkpoint" : "folder";
    }
    return found.isFile() ? "file" : undefined;
  } catch {
    return undefined;
  }
}

async function order(root: string, files: readonly string[]): Promise<readonly string[]> {
  const sorted = files.toSorted(natural.compare);
  const start = commonStart(sorted);
  if (sorted.length < 2 || sorted.every((file) => /^\D*\d+(?!\.?\d)/.test(file.slice(start)))) {
    return sorted;
  }
  const told: { file: string; step: number | undefined; epoch: number | undefined }[] = [];
  for (const file of sorted) {
    const { step, epoch, close } = await openCheckpoint(await resolveInside(root, file), file);
    await close();
    told.push({ file, step, epoch: epoch ?? epochInName(file) });
  }
  const measure = (["step", "epoch"] as const).find((name) =>
    told.every((checkpoint) => checkpoint[name] !== undefined),
  );
  return measure === undefined
    ? sorted
    : told.toSorted((a, b) => (a[measure] ?? 0) - (b[measure] ?? 0)).map(({ file }) => file);
}

/** Length of the text with which all names start; numbers in there tell nothing apart. */
function commonStart(names: readonly string[]): number {
  const [first = "", last = ""] = [names[0], names.at(-1)];
  let length = 0;
  while (length < first.length && names.every((name) => name[length] === first[length])) {
    length++;
  }
  // Back to the start of a number that they share in part: epoch-10, epoch-12; loss-0.41, loss-0.43.
  const isDigit = (index: number): boolean => /\d/.test(last[index] ?? "");
  while (isDigit(length - 1) || (last[length - 1] === "." && isDigit(length - 2))) {
    length--;
  }
  return length;
}
