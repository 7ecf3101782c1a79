import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { writeCleaned } from "../compute/apply.ts";
import { configFile } from "../core/config/load.ts";
import { openProject } from "../core/config/open.ts";
import { exportRanking } from "../core/store/export.ts";
import { RunReader, type RunView } from "../core/store/reader.ts";
import { type SuspectOrder, suspectOrders } from "../core/store/suspect-order.ts";
import { english, refusalText } from "../protocol/refusal-text.ts";
import { type CommandContext, printJson } from "./context.ts";

interface CleanOptions {
  readonly root: string;
  readonly config: string;
  readonly dataset: string;
  readonly out: string;
  readonly json?: boolean;
}

interface ExportOptions {
  readonly root: string;
  readonly list: RunView;
  readonly order?: SuspectOrder;
  readonly query: number;
  readonly out: string;
}

/** `tracin clean --out train.cleaned.csv`: a dataset with the decisions of its review applied. */
export function cleanCommand(program: Command, context: CommandContext): void {
  program
    .command("clean")
    .description("write a copy of a dataset with the decisions in .tracin/reviews.jsonl applied")
    .requiredOption(
      "--out <file>",
      "the copy; for arrays and image folders, the decisions with indices",
    )
    .option("--dataset <name>", "dataset of the configuration", "train")
    .option("--config <file>", "configuration file, relative to the root", configFile)
    .option("--root <folder>", "workspace folder", ".")
    .option("--json", "print JSON to standard output")
    .action(async (options: CleanOptions) => {
      const project = await openProject(resolve(options.root), { config: options.config });
      try {
        const made = await writeCleaned(project, options.dataset, resolve(options.out));
        if (options.json) {
          printJson(context, made);
          return;
        }
        context.out.write(
          `${options.out}: ${made.relabelled} relabelled, ${made.excluded} ${made.kind === "copy" ? "left out" : "to drop"}\n`,
        );
        for (const { file, reason } of made.refused) {
          context.err.write(`${file}: ${refusalText(reason, english)}\n`);
        }
      } finally {
        await project.close();
      }
    });
}

/** `tracin export RUN --out suspects.parquet`: a ranked list of a saved run. */
export function exportCommand(program: Command, context: CommandContext): void {
  program
    .command("export")
    .description("write a ranked list of a saved run as CSV, JSONL or Parquet")
    .argument("<run>", "name of the run's folder in .tracin/runs")
    .requiredOption("--out <file>", "ends in .csv, .jsonl or .parquet")
    .addOption(
      new Option("--list <which>", "the list")
        .choices(["proponents", "opponents", "suspects"])
        .default("suspects"),
    )
    .addOption(
      new Option("--order <which>", "what suspects are ranked by, as in suspects").choices(
        suspectOrders,
      ),
    )
    .option("--query <n>", "which query of the run, from 0", Number, 0)
    .option("--root <folder>", "workspace folder", ".")
    .action(async (run: string, { root, list, order, query, out }: ExportOptions) => {
      const reader = await RunReader.open(resolve(root), run);
      try {
        const ranking = { view: list, query, ...(order === undefined ? {} : { order }) };
        await exportRanking(reader, resolve(root), ranking, resolve(out));
        context.out.write(`${out}\n`);
      } finally {
        reader.close();
      }
    });
}
