import { resolve } from "node:path";
import type { Command } from "commander";
import { withMessage } from "../compute/progress.ts";
import { scoreAll } from "../compute/scoring.ts";
import { trainingData } from "../core/config/project.ts";
import { NpyWriter } from "../core/store/npy.ts";
import { profiled } from "../core/tracin/profile.ts";
import type { QuerySelection, ScoreChunk } from "../core/tracin/scores.ts";
import { type CommandContext, type CommonOptions, openWorkspace, printJson } from "./context.ts";
import { collectProfile, printProfile, profileJson, withProfile } from "./profile.ts";
import { parseQueries, type QueryText, selectQueries } from "./queries.ts";

interface ExportOptions extends CommonOptions {
  readonly out: string;
  readonly perCheckpoint?: boolean;
}

interface ScoresOptions extends ExportOptions {
  readonly queries: readonly QueryText[];
  readonly label: string;
  readonly aggregate?: boolean;
}

/** `tracin scores --queries test:0-9 --out scores.npy`: the matrix [queries, training examples]. */
export function scoresCommand(program: Command, context: CommandContext): void {
  withProfile(
    program
      .command("scores")
      .description(
        "write the scores of all training examples as a float32 .npy matrix [queries, examples]",
      )
      .requiredOption(
        "--queries <dataset:range>",
        "queries, such as test:0-9 (inclusive); may be repeated",
        (text: string, previous: readonly QueryText[] | undefined) => [
          ...(previous ?? []),
          parseQueries(text),
        ],
      )
      .requiredOption("--out <file>", "file to write")
      .option("--label <label>", '"target", "prediction" or the name of a label', "target")
      .option("--per-checkpoint", "add a leading axis of checkpoints; it sums to the matrix")
      .option("--aggregate", "sum the queries into one"),
  ).action((options: ScoresOptions) =>
    writeArray(context, options, {
      select: (project) => selectQueries(project, options.queries, options.label),
      aggregate: options.aggregate ?? false,
    }),
  );
}

/** `tracin self-influence --out self.npy`: the vector [training examples]. */
export function selfInfluenceCommand(program: Command, context: CommandContext): void {
  withProfile(
    program
      .command("self-influence")
      .description("write the self-influence of all training examples as a float32 .npy vector")
      .requiredOption("--out <file>", "file to write")
      .option("--per-checkpoint", "add a leading axis of checkpoints; it sums to the vector"),
  ).action((options: ExportOptions) => writeArray(context, options, undefined));
}

/** Scores are written when there is a question, self-influence otherwise. */
async function writeArray(
  context: CommandContext,
  options: ExportOptions,
  question:
    | {
        readonly select: (project: Parameters<typeof selectQueries>[0]) => QuerySelection[];
        readonly aggregate: boolean;
      }
    | undefined,
): Promise<void> {
  const { opened, progress } = await openWorkspace(context, options);
  try {
    const selection = question?.select(opened.project) ?? [];
    const aggregate = question?.aggregate ?? false;
    const checkpoints = opened.project.checkpoints.length;
    const rows = question === undefined ? 1 : aggregate ? 1 : selection.length;
    const examples = trainingData(opened.project).length;
    const matrix = question === undefined ? [examples] : [rows, examples];
    const shape = options.perCheckpoint ? [checkpoints, ...matrix] : matrix;
    const path = resolve(options.out);
    const { profile } = opened.settings;
    const writer = await NpyWriter.create(path, shape);
    try {
      const processes = await scoreAll(opened, {
        selection,
        aggregate,
        onChunk: async (chunk) => {
          const parts = question === undefined ? chunk.selfParts : chunk.scoreParts;
          for (const { position, values } of arrayRows(
            chunk,
            parts,
            rows,
            examples,
            options.perCheckpoint ?? false,
          )) {
            await profiled(profile, "writing", () => writer.write(position, values));
          }
        },
        onProgress: (step) => progress.update(withMessage(step)),
        signal: context.signal,
      });
      await profiled(profile, "writing", () => writer.finish());
      progress.stop();
      const seconds = (performance.now() - context.started) / 1000;
      const measured = await collectProfile(opened);
      if (options.json) {
        const told = profileJson(context, measured);
        printJson(context, { file: path, dtype: "float32", shape, processes, seconds, ...told });
      } else {
        context.out.write(
          `${options.out}: float32 [${shape.join(", ")}], ${seconds.toFixed(1)} s\n`,
        );
        printProfile(context, measured);
      }
    } catch (error) {
      await writer.discard();
      throw error;
    }
  } finally {
    progress.stop();
    await opened.close();
  }
}

/**
 * The pieces of the array that a chunk fills, with their flat positions.
 * @param parts [C, size, rows]
 */
export function* arrayRows(
  chunk: Pick<ScoreChunk, "start" | "size">,
  parts: Float32Array,
  rows: number,
  examples: number,
  perCheckpoint: boolean,
): Generator<{ position: number; values: Float32Array }> {
  const { start, size } = chunk;
  const checkpoints = parts.length / (size * rows);
  for (let row = 0; row < rows; row++) {
    const sums = new Float64Array(size);
    for (let checkpoint = 0; checkpoint < checkpoints; checkpoint++) {
      const values = new Float32Array(size);
      for (let example = 0; example < size; example++) {
        const part = parts[(checkpoint * size + example) * rows + row] ?? Number.NaN;
        values[example] = part;
        sums[example] = (sums[example] ?? 0) + part;
      }
      if (perCheckpoint) {
        yield { position: (checkpoint * rows + row) * examples + start, values };
      }
    }
    if (!perCheckpoint) {
      yield { position: row * examples + start, values: Float32Array.from(sums) };
    }
  }
}
