import type { Command } from "commander";
import { estimate } from "../compute/estimate.ts";
import type { OpenScorer } from "../compute/scoring.ts";
import { checkpointFacts } from "../core/config/checkpoint-summary.ts";
import { lossText } from "../core/config/loss.ts";
import { counted } from "../core/counted.ts";
import { formatShape, sizeOf } from "../core/graph/tensor.ts";
import type { CompiledGroup } from "../core/tracin/compile.ts";
import { sitesOf } from "../core/tracin/layout.ts";
import { readingOf } from "../core/tracin/questions.ts";
import {
  type CommandContext,
  type CommonOptions,
  openWorkspace,
  printJson,
  withCommonOptions,
} from "./context.ts";
import { paint, printable, significant, table } from "./terminal.ts";

/** `tracin inspect`: what `tracin.json` amounts to. */
export function inspectCommand(program: Command, context: CommandContext): void {
  withCommonOptions(
    program
      .command("inspect")
      .description(
        "show the model's parameters and sites, the checkpoints with their rates, and the datasets",
      ),
  ).action(async (options: CommonOptions) => {
    const { opened, progress } = await openWorkspace(context, options);
    progress.stop();
    try {
      const report = await inspect(opened, context.signal);
      if (options.json) {
        printJson(context, report);
      } else {
        print(context, report);
      }
    } finally {
      await opened.close();
    }
  });
}

type Report = Awaited<ReturnType<typeof inspect>>;

async function inspect(opened: OpenScorer, signal: AbortSignal) {
  const { project, scorer } = opened;
  const plan = await scorer.plan(1);
  const counted = new Set(scorer.parameters);
  const shapes = new Map(project.model.weights.map(({ name, shape }) => [name, shape]));
  const datasets = [...project.datasets.values()].map(({ name, file, kind, length, target }) => ({
    name,
    file,
    kind,
    length,
    target,
  }));
  return {
    root: project.root,
    model: {
      file: project.model.file,
      parameters: project.parameters.map((name) => ({
        name,
        shape: shapes.get(name) ?? [],
        counted: counted.has(name),
      })),
      buffers: project.buffers,
      parameterCount: scorer.parameterCount,
      /** Of one query, opening not included. */
      estimatedSeconds: (await estimate(opened, signal)).seconds,
      sites: plan.groups.map((compiled) => siteReport(compiled)),
    },
    loss: project.loss,
    reading: readingOf(project),
    labels: project.encoder.labels ?? null,
    checkpoints: project.checkpoints.map(checkpointFacts),
    preconditioner: project.config.checkpoints.preconditioner ?? "none",
    datasets,
  };
}

/** Where parameters are used, and how the products of gradients are computed there. */
function siteReport({ group, form }: CompiledGroup) {
  return {
    uses: sitesOf(group).map(({ kind, weight, node }) => ({
      kind,
      weight,
      operator: node.op,
      node: node.name,
    })),
    scores: form.score,
    selfInfluence: form.self,
  };
}

function print(context: CommandContext, report: Report): void {
  const { out } = context;
  const heading = (text: string) => out.write(`\n${paint(out, "bold", text)}\n`);
  const { model } = report;
  const seconds = significant(model.estimatedSeconds);
  heading(
    `Model ${model.file}: ${counted(model.parameterCount, "parameter")} counted, about ${seconds} s a query`,
  );
  const rows = model.parameters.map(({ name, shape, counted: isCounted }) => [
    name,
    formatShape(shape),
    String(sizeOf(shape)),
    isCounted ? "" : "not counted",
  ]);
  out.write(`${table(out, ["parameter", "shape", "size", ""], rows, [2])}\n`);
  if (model.buffers.length > 0) {
    out.write(`  not trained: ${model.buffers.map(printable).join(", ")}\n`);
  }
  heading("Sites (where parameters act on examples)");
  const sites = model.sites.flatMap(({ uses, scores, selfInfluence }) => {
    // A recurrent layer uses its weights at every step: one line for all steps.
    const isAlike = (a: (typeof uses)[number], b: (typeof uses)[number]) =>
      a.weight === b.weight && a.kind === b.kind && a.operator === b.operator;
    const firsts = uses.filter(
      (use, index) => uses.findIndex((other) => isAlike(other, use)) === index,
    );
    return firsts.map((first) => {
      const { weight, kind, operator, node } = first;
      const more = uses.filter((use) => isAlike(use, first)).length - 1;
      const place = `${operator} ${node}${more > 0 ? ` and ${more} more` : ""}`;
      return [weight, kind, place, scores, selfInfluence];
    });
  });
  out.write(`${table(out, ["weight", "kind", "node", "scores", "self-infl."], sites)}\n`);
  heading("Checkpoints");
  const checkpoints = report.checkpoints.map((checkpoint) => [
    checkpoint.file,
    significant(checkpoint.learningRate),
    checkpoint.learningRateSource,
    significant(checkpoint.weight),
    checkpoint.epoch === undefined ? "" : String(checkpoint.epoch),
    checkpoint.step === undefined ? "" : String(checkpoint.step),
  ]);
  out.write(
    `${table(out, ["file", "rate", "source", "weight", "epoch", "step"], checkpoints, [1, 3, 4, 5])}\n`,
  );
  const prefixes = new Set(report.checkpoints.map(({ prefix }) => prefix ?? ""));
  if ([...prefixes].some((prefix) => prefix !== "")) {
    out.write(
      `  names have ${[...prefixes].map((prefix) => (prefix === "" ? "no prefix" : `the prefix "${printable(prefix)}"`)).join(" or ")}\n`,
    );
  }
  for (const { file, groups = [] } of report.checkpoints) {
    for (const { learningRate, parameters } of groups) {
      out.write(
        `  ${file}: rate ${significant(learningRate)} for ${parameters.map(printable).join(", ")}\n`,
      );
    }
  }
  for (const key of ["surplus", "missing"] as const) {
    for (const [index, { file, [key]: names = [] }] of report.checkpoints.entries()) {
      const before = report.checkpoints[index - 1]?.[key] ?? [];
      // What checkpoints in a row have in common is told once.
      if (names.length > 0 && names.join("\n") !== before.join("\n")) {
        const what = key === "surplus" ? "not in the model" : "not in the checkpoint";
        out.write(`  ${what} from ${file} on: ${names.map(printable).join(", ")}\n`);
      }
    }
  }
  if (report.preconditioner !== "none") {
    out.write(
      "  gradients are multiplied with the optimizer's step sizes (checkpoints.preconditioner)\n",
    );
  }
  for (const { file, warnings } of report.checkpoints) {
    for (const warning of warnings) {
      out.write(`  ${paint(out, "yellow", "warning")} ${file}: ${printable(warning)}\n`);
    }
  }
  heading("Data");
  const datasets = report.datasets.map(({ name, file, kind, length, target }) => [
    name,
    file,
    kind,
    String(length),
    target.join(", "),
  ]);
  out.write(`${table(out, ["name", "file", "kind", "examples", "target"], datasets, [3])}\n`);
  out.write(`\nLoss ${lossText(report.loss, report.reading)}\n`);
}
