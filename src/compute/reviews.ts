import { randomBytes } from "node:crypto";
import { lossFamily } from "../core/config/loss-schema.ts";
import type { Project } from "../core/config/project.ts";
import { TracInError } from "../core/errors.ts";
import {
  appendReviews,
  identity,
  lastAction,
  type ReviewLine,
  type ReviewLog,
  readReviews,
  type StandingDecision,
  standing,
} from "../core/store/reviews.ts";
import type { ComputeApi } from "../protocol/compute.ts";
import type { Place } from "../protocol/examples.ts";
import type {
  Decision,
  DecisionId,
  GivenDecision,
  Review,
  ReviewItem,
  ReviewState,
  Reviews,
  ReviewsReply,
  SkipReason,
  SuggestedItem,
} from "../protocol/reviews.ts";
import { contentIndex, current, find, readExamples } from "./current-examples.ts";
import { placeOf } from "./examples.ts";

/** All decisions of a project as they stand to its data. */
export async function reviewsOf(project: Project): Promise<Reviews> {
  return describe(project, await readReviews(project.root));
}

/** Takes a decision about some examples, or takes back the one that stands. */
export async function decide(
  project: Project,
  { items, decision }: Omit<Parameters<ComputeApi["decide"]>[0], "root">,
): Promise<ReviewsReply> {
  const log = await readReviews(project.root);
  checkLabel(project, decision);
  const action = randomBytes(6).toString("hex");
  const time = new Date().toISOString();
  const lines: ReviewLine[] = [];
  const skipped: (ReviewItem & { reason: SkipReason })[] = [];
  await readExamples(project, items);
  const before =
    decision.kind === "undo"
      ? standing(log.lines, await currentKeys(project, log.lines))
      : undefined;
  for (const item of items) {
    const index = await find(project, item);
    const now = index === undefined ? undefined : await current(project, item.dataset, index);
    if (index === undefined || now === undefined) {
      skipped.push({ ...item, reason: "changed" });
      continue;
    }
    const taken = decision.kind === "suggestion" ? suggestionOf(project, item) : decision;
    if (taken === undefined) {
      skipped.push({ ...item, reason: "noSuggestion" });
      continue;
    }
    if (before === undefined) {
      const { file, line, lineCount, image } = placeOf(project, item.dataset, index);
      lines.push({
        time,
        action,
        dataset: item.dataset,
        index,
        file,
        ...(lineCount === 0 ? {} : { line: line + 1 }),
        ...(image === undefined ? {} : { image }),
        content: now.content,
        decision: taken.kind === "undo" ? "keep" : taken.kind,
        from: now.target,
        ...(taken.kind === "relabel" ? { to: taken.to } : {}),
      });
      continue;
    }
    const standingOne = before.get(key(item.dataset, index));
    if (standingOne !== undefined) {
      lines.push(undoing(standingOne, time));
    }
  }
  await appendReviews(project.root, lines);
  const reply = await describe(project, { ...log, lines: [...log.lines, ...lines] });
  return { ...reply, skipped };
}

/** The label that the model suggests, as a decision; undefined where it suggests none. */
function suggestionOf(project: Project, { suggested }: SuggestedItem): Decision | undefined {
  if (suggested === undefined) {
    return undefined;
  }
  const decision: Decision = { kind: "relabel", to: suggested };
  checkLabel(project, decision);
  return decision;
}

/** Takes back the latest action as a whole. */
export async function undoReview(project: Project): Promise<ReviewsReply> {
  const log = await readReviews(project.root);
  const time = new Date().toISOString();
  const lines = lastAction(log.lines).map((line) => undoing(line, time));
  await appendReviews(project.root, lines);
  const reply = await describe(project, { ...log, lines: [...log.lines, ...lines] });
  return { ...reply, skipped: [] };
}

/**
 * Notes that excluded examples were taken out of the data, and how many of the same content are left in it: so no other one
 * is taken for them, and it shows when they come back (when the edit is undone).
 */
export async function noteExcluded(
  project: Project,
  excluded: readonly DecisionId[],
): Promise<Reviews> {
  const log = await readReviews(project.root);
  const time = new Date().toISOString();
  const action = randomBytes(6).toString("hex");
  const names = new Set(excluded.map(identity));
  const lines: ReviewLine[] = [];
  for (const line of standing(log.lines, identity).values()) {
    const dataset = project.datasets.get(line.dataset);
    if (line.decision === "exclude" && names.has(identity(line)) && dataset !== undefined) {
      const left = (await contentIndex(dataset)).count(line.content);
      lines.push(undoing(line, time), { ...line, time, action, left });
    }
  }
  await appendReviews(project.root, lines);
  return describe(project, { ...log, lines: [...log.lines, ...lines] });
}

function undoing({ to: _, left: __, ...line }: StandingDecision, time: string): ReviewLine {
  return { ...line, time, decision: "undo" };
}

/** Whether an excluded example is out of the data: it was taken out, and did not come back. */
async function isOut(project: Project, { dataset: name, content, left }: ReviewLine) {
  const dataset = project.datasets.get(name);
  return (
    left !== undefined &&
    (dataset === undefined || (await contentIndex(dataset)).count(content) <= left)
  );
}

async function describe(project: Project, log: ReviewLog): Promise<Reviews> {
  await readExamples(
    project,
    log.lines.filter(({ dataset }) => project.datasets.has(dataset)),
  );
  const keyOf = await currentKeys(project, log.lines);
  const reviews: Review[] = [];
  for (const line of standing(log.lines, keyOf).values()) {
    reviews.push(await toReview(project, line));
  }
  return { reviews, undoable: lastAction(log.lines).length, warnings: log.warnings };
}

/** What tells the examples of decisions apart in the data as it is now. */
async function currentKeys(
  project: Project,
  lines: readonly ReviewLine[],
): Promise<(line: ReviewLine) => string> {
  const keys = new Map<string, string>();
  const out = new Set<string>();
  const written = ({ dataset, content, index }: ReviewLine) => `${dataset}\0${content}\0${index}`;
  for (const line of lines) {
    const name = written(line);
    if (await isOut(project, line)) {
      // Apart from what was decided, before and after, about another one of the same content.
      out.add(identity(line));
    } else if (!keys.has(name)) {
      const index = await find(project, line);
      keys.set(name, index === undefined ? name : key(line.dataset, index));
    }
  }
  return (line) => {
    const name = identity(line);
    return out.has(name) ? name : (keys.get(written(line)) ?? written(line));
  };
}

function key(dataset: string, index: number): string {
  return `${dataset}\0${index}`;
}

async function toReview(project: Project, line: StandingDecision): Promise<Review> {
  const { action, dataset, content, from, time } = line;
  const index = (await isOut(project, line)) ? undefined : await find(project, line);
  const now = index === undefined ? undefined : await current(project, dataset, index);
  const decision = decisionOf(line);
  return {
    id: { action, dataset, index: line.index, content },
    dataset,
    index: index ?? line.index,
    content,
    place: index === undefined ? writtenPlace(line) : placeOf(project, dataset, index),
    decision,
    from,
    time,
    state: stateOf(decision, from, now?.target),
  };
}

function decisionOf({ decision, to = "" }: StandingDecision): Decision {
  return decision === "relabel" ? { kind: "relabel", to } : { kind: decision };
}

/** @param now the label of the example now; undefined where the example is gone */
function stateOf(decision: Decision, from: string, now: string | undefined): ReviewState {
  if (now === undefined) {
    return decision.kind === "exclude" ? "done" : "gone";
  }
  if (decision.kind === "relabel" && now === decision.to) {
    return "done";
  }
  if (now !== from) {
    return "changed";
  }
  return decision.kind === "keep" ? "done" : "open";
}

function writtenPlace({ file, line, image }: ReviewLine): Place {
  return {
    file,
    line: (line ?? 1) - 1,
    lineCount: line === undefined ? 0 : 1,
    ...(image === undefined ? {} : { image }),
  };
}

function checkLabel(project: Project, decision: GivenDecision | { readonly kind: "undo" }): void {
  if (decision.kind !== "relabel") {
    return;
  }
  const { labels } = project.encoder;
  const isOneLabel = lossFamily(project.loss.type) === "classes";
  if (decision.to.trim() === "" || (isOneLabel && labels && !labels.includes(decision.to))) {
    throw new TracInError(
      "config",
      `"${decision.to}" is no label of this project.`,
      {},
      labels === undefined ? "Give a label." : `The labels are: ${labels.join(", ")}.`,
    );
  }
}
