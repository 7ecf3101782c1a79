import { join, posix } from "node:path";
import type { Checkpoint } from "../../checkpoints/checkpoint.ts";
import { findCheckpoints } from "../../checkpoints/discover.ts";
import { matchCheckpoint } from "../../checkpoints/match.ts";
import { openCheckpoint } from "../../checkpoints/open.ts";
import { resolveLearningRates } from "../../checkpoints/rates.ts";
import { TracInError } from "../../errors.ts";
import type { Model } from "../../models/model.ts";
import type { Config } from "../config.ts";
import type { Findings } from "./detection.ts";
import { findSeries, type WorkspaceFiles } from "./files.ts";

/** More series than anyone has; each is opened once. */
const maximumSeries = 50;

/** Patterns of the checkpoint series that fit the model, the likeliest first. */
export async function fittingSeries(
  root: string,
  model: Model,
  files: WorkspaceFiles,
): Promise<string[]> {
  const onnx = files.models.filter((file) => /\.onnx$/i.test(file) && file !== model.file);
  const series = [
    ...findSeries(files.checkpoints),
    ...findSeries(onnx).filter((group) => group.files.length > 1),
  ];
  const fitting: { pattern: string; rank: number }[] = [];
  for (const { pattern, files: group } of series.slice(0, maximumSeries)) {
    const last = group.at(-1) ?? "";
    try {
      const checkpoint = await openCheckpoint(join(root, last), last);
      await checkpoint.close();
      matchCheckpoint(model, checkpoint);
      const near = last.startsWith(`${posix.dirname(model.file)}/`) ? 1_000_000 : 0;
      fitting.push({ pattern, rank: near + group.length });
    } catch (error) {
      if (!(error instanceof TracInError)) {
        throw error;
      }
      // Not a checkpoint of this model.
    }
  }
  // A Keras file is a checkpoint too, but not the one that is meant where there are others.
  const others = fitting.filter(({ pattern }) => pattern !== model.file);
  return (others.length > 0 ? others : fitting)
    .sort((a, b) => b.rank - a.rank)
    .map(({ pattern }) => pattern);
}

/** The `checkpoints` entry: which series, and its learning rates from the files or the person. */
export async function proposeCheckpoints(
  root: string,
  patterns: readonly string[],
  findings: Findings,
): Promise<Config["checkpoints"] | undefined> {
  const pattern = findings.choose(
    "checkpoints",
    "Which checkpoints belong to the training run?",
    patterns,
    (value) => ({ value, label: value }),
  );
  if (pattern === undefined) {
    return undefined;
  }
  const answered = readRates(findings.answers.learningRate);
  if (answered !== undefined) {
    return { files: pattern, learningRate: answered };
  }
  try {
    const checkpoints = await openAll(root, pattern);
    const rates = resolveLearningRates({ files: pattern }, checkpoints);
    findings.notes.push(
      ...rates.flatMap(({ warnings }, index) =>
        warnings.slice(0, 1).map((warning) => `${checkpoints[index]?.file}: ${warning}`),
      ),
    );
    return { files: pattern, learningRate: "from-file" };
  } catch (error) {
    const { message } = TracInError.from(error);
    findings.questions.push({
      id: "learningRate",
      prompt: `${message} Which learning rate did the training use? (A number, or one per checkpoint with commas.)`,
      options: [],
      input: "number",
    });
    return { files: pattern };
  }
}

/** Every checkpoint of a pattern; closed again, because rates, step and epoch are known by then. */
async function openAll(root: string, pattern: string): Promise<Checkpoint[]> {
  const checkpoints: Checkpoint[] = [];
  for (const file of await findCheckpoints(root, pattern)) {
    const checkpoint = await openCheckpoint(join(root, file), file);
    await checkpoint.close();
    checkpoints.push(checkpoint);
  }
  return checkpoints;
}

function readRates(answer: string | undefined): number | number[] | undefined {
  const rates = (answer ?? "")
    .split(/[\s,;]+/)
    .filter((part) => part !== "")
    .map(Number);
  if (rates.length === 0 || rates.some((rate) => !(rate >= 0 && Number.isFinite(rate)))) {
    return undefined;
  }
  const [first = 0] = rates;
  return rates.length === 1 ? (first > 0 ? first : undefined) : rates;
}
