import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { counted } from "../counted.ts";
import { TracInError } from "../errors.ts";
import { resolveInside } from "../paths.ts";
import { prepareFolder, readSmallFile, tracinFolder } from "./folder.ts";

/** The file of decisions, relative to the workspace; one JSON object per line, only ever appended to. */
export const reviewsFile = `${tracinFolder}/reviews.jsonl`;

const largestFile = 256 << 20;
/** Damaged lines that are named; more of them are counted. */
const mostNamed = 5;

/** What was decided about an example; `undo` takes back one decision on it. */
export type Verdict = "keep" | "relabel" | "exclude" | "undo";

const lineSchema = z.object({
  /** ISO 8601. */
  time: z.iso.datetime(),
  /** Decisions that were taken together share it, and are undone together; for `undo`, the decision that is undone. */
  action: z.string().min(1),
  dataset: z.string(),
  /** Counted from 0, in file order, when it was decided. */
  index: z.int().nonnegative(),
  file: z.string(),
  /** First line, counted from 1 as editors show it; left out for images in folders. */
  line: z.int().positive().optional(),
  image: z.string().optional(),
  /** Hash of everything but the target: the example is found by it after rows moved. */
  content: z.string(),
  decision: z.enum(["keep", "relabel", "exclude", "undo"]),
  /** The label when it was decided. */
  from: z.string(),
  /** The label that it shall get. */
  to: z.string().optional(),
  /**
   * The excluded example was taken out of the data, and so many of the same content were left there: none of them is meant.
   * When there are more, it has come back.
   */
  left: z.int().nonnegative().optional(),
});

/** One line of the file. */
export type ReviewLine = z.infer<typeof lineSchema>;

export interface ReviewLog {
  /** In the order in which they were decided. */
  readonly lines: readonly ReviewLine[];
  /** Lines that could not be read, as sentences; what they decided is not known, all others count. */
  readonly warnings: readonly string[];
}

/** Reads all decisions of a workspace; none where there is no file. Throws kind `store` when it cannot be read. */
export async function readReviews(root: string): Promise<ReviewLog> {
  const path = await resolveInside(root, reviewsFile);
  if ((await stat(path).catch(() => undefined)) === undefined) {
    return { lines: [], warnings: [] };
  }
  return parseReviews(await readSmallFile(path, largestFile));
}

/** The decisions in the text of the file; a damaged line is left out and named. */
export function parseReviews(text: string): ReviewLog {
  const lines: ReviewLine[] = [];
  const damaged: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") {
      continue;
    }
    const parsed = parseLine(line);
    if (typeof parsed === "string") {
      damaged.push(`${reviewsFile}, line ${index + 1}: ${parsed}`);
    } else {
      lines.push(parsed);
    }
  }
  const more = damaged.length - mostNamed;
  const warnings = damaged.slice(0, mostNamed);
  return {
    lines,
    warnings: more > 0 ? [...warnings, `${counted(more, "more line")} cannot be read`] : warnings,
  };
}

/** Appends decisions with one write, so that they are there together or not at all. */
export async function appendReviews(root: string, lines: readonly ReviewLine[]): Promise<void> {
  if (lines.length === 0) {
    return;
  }
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  try {
    await prepareFolder(root);
    const path = await resolveInside(root, reviewsFile);
    const handle = await open(path, "a+");
    try {
      // A line that was cut short, by a full disk or a merge, must not swallow the next one.
      await handle.appendFile((await endsLine(handle)) ? text : `\n${text}`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new TracInError(
      "store",
      `The decision could not be saved: ${error instanceof Error ? error.message : error}`,
      { file: join(reviewsFile) },
      "Check that the workspace is writable and the disk is not full.",
      { cause: error },
    );
  }
}

async function endsLine(handle: Awaited<ReturnType<typeof open>>): Promise<boolean> {
  const { size } = await handle.stat();
  if (size === 0) {
    return true;
  }
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 10;
}

/** A line, or what is wrong with it. */
function parseLine(text: string): ReviewLine | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return /^(<{7}|={7}|>{7})/.test(text)
      ? "a merge conflict is left there; keep the lines of both sides"
      : "this is no JSON object";
  }
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `${issue?.path.join(".") || "the line"}: ${issue?.message ?? "not understood"}`;
  }
  return parsed.data.decision === "relabel" && parsed.data.to === undefined
    ? "a relabel without the new label"
    : parsed.data;
}

/** The decision that counts for one example, once undone ones are taken away. */
export type StandingDecision = ReviewLine & { readonly decision: Exclude<Verdict, "undo"> };

/**
 * What still stands of the decisions: the last one of each example that was not undone.
 *
 * @param keyOf what tells an example apart; by content and index unless told
 */
export function standing(
  lines: readonly ReviewLine[],
  keyOf: (line: ReviewLine) => string = ({ dataset, content, index }) =>
    `${dataset}\0${content}\0${index}`,
): ReadonlyMap<string, StandingDecision> {
  const stacks = new Map<string, StandingDecision[]>();
  for (const line of lines) {
    const key = keyOf(line);
    const stack = stacks.get(key) ?? [];
    if (isDecision(line)) {
      stacks.set(key, [...stack, line]);
    } else {
      const at = stack.findLastIndex(({ action }) => action === line.action);
      stacks.set(key, stack.toSpliced(at === -1 ? stack.length : at, 1));
    }
  }
  return new Map(
    [...stacks].flatMap(([key, stack]) => {
      const last = stack.at(-1);
      return last === undefined ? [] : [[key, last] as const];
    }),
  );
}

/** The decisions of the latest action that was not undone as a whole; empty when there is none. */
export function lastAction(lines: readonly ReviewLine[]): readonly StandingDecision[] {
  const undone = new Set(
    lines.filter(({ decision }) => decision === "undo").map((line) => identity(line)),
  );
  const left = lines.filter(isDecision).filter((line) => !undone.has(identity(line)));
  const action = left.at(-1)?.action;
  return left.filter((line) => line.action === action);
}

/** Tells the lines of one action apart; an `undo` has the identity of what it takes back. */
export function identity({
  action,
  dataset,
  content,
  index,
}: Pick<ReviewLine, "action" | "dataset" | "content" | "index">): string {
  return `${action}\0${dataset}\0${content}\0${index}`;
}

function isDecision(line: ReviewLine): line is StandingDecision {
  return line.decision !== "undo";
}
