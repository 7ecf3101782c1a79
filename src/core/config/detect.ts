import { join } from "node:path";
import { counted } from "../counted.ts";
import type { Model } from "../models/model.ts";
import { importModel } from "../models/open.ts";
import { type Config, configSchema, type SourceConfig, type TargetConfig } from "./config.ts";
import { targetColumns } from "./detect/columns.ts";
import { type DataCandidate, findDatasets } from "./detect/datasets.ts";
import { type Answers, type Detection, Findings } from "./detect/detection.ts";
import { chooseColumns, type Plan, planFeatures } from "./detect/features.ts";
import { scanWorkspace, type WorkspaceFiles } from "./detect/files.ts";
import { candidateModels } from "./detect/models.ts";
import { type PositionTarget, positionTarget } from "./detect/positions.ts";
import { fittingSeries, proposeCheckpoints } from "./detect/series.ts";
import { chooseLoss, labelOrders, targetFacts } from "./detect/targets.ts";
import {
  labelVariants,
  pickVariant,
  pixelVariants,
  standardiseVariants,
} from "./detect/variants.ts";
import { lossFamily } from "./loss-schema.ts";

export type {
  Answers,
  Detection,
  Question,
  QuestionId,
  QuestionOption,
} from "./detect/detection.ts";

/**
 * Finds out by itself what belongs together in a workspace, for **TracIn: Set Up Workspace**.
 *
 * Everything that the files tell is taken from them: which checkpoints fit the model, which data fit its inputs,
 * which column is the target, which loss fits outputs and targets. How pixels or columns were scaled, and the
 * order of labels, is tried out: the last checkpoint's loss is clearly the least for what the training did.
 * What stays open is a question; call again with the answers until none is left.
 * @param root absolute folder
 * Throws kind `model` when the chosen model cannot be read.
 */
export async function detectWorkspace(root: string, answers: Answers = {}): Promise<Detection> {
  const findings = new Findings(answers);
  const files = await scanWorkspace(root);
  const datasets = await findDatasets(root, files);
  const models = await candidateModels(root, files);
  const file = findings.choose("model", "Which file is the model?", models, (value) => ({
    value,
    label: value,
  }));
  const model = file === undefined ? undefined : await importModel(join(root, file), file);
  const series = model ? await fittingSeries(root, model, files) : [];
  const proposal = model ? await propose(root, model, files, series, datasets, findings) : {};
  explainGaps(proposal, findings);
  return {
    proposal,
    candidates: {
      models,
      checkpoints: series,
      datasets: datasets.map(({ path, columns }) => ({ path, columns })),
      tokenizers: files.tokenizers,
    },
    questions: findings.questions,
    notes: findings.notes,
  };
}

async function propose(
  root: string,
  model: Model,
  files: WorkspaceFiles,
  series: readonly string[],
  datasets: readonly DataCandidate[],
  findings: Findings,
): Promise<Partial<Config>> {
  const checkpoints = await proposeCheckpoints(root, series, findings);
  const possible = datasets.flatMap((data) => {
    const plan = planFeatures(model.graph.inputs, data, files.tokenizers, model.file);
    return plan ? [plan] : [];
  });
  const plans = fittingPlans(model, possible);
  const plan = chooseTrain(plans, findings);
  const start: Partial<Config> = { model: model.file, ...(checkpoints ? { checkpoints } : {}) };
  const positions = plan && (await positionTarget(root, model, plan, findings));
  if (plan && positions) {
    return proposePositions(root, model, { ...start, plan, plans }, positions, findings);
  }
  const target = plan ? chooseTarget(plan, findings) : undefined;
  if (!plan || target === undefined) {
    return start;
  }
  const data = proposeData(plan, plans, target);
  const features = proposeFeatures(plan, target, findings);
  const facts = await targetFacts(root, plan.data.source(target));
  const outputs = outputWidth(model);
  const compiled = model.loss?.type;
  const loss =
    compiled ??
    chooseLoss(outputs, typeof target === "string" ? 1 : target.length, facts, findings);
  if (compiled !== undefined) {
    findings.notes.push(`The loss is the one that ${model.file} was compiled with: ${compiled}.`);
  }
  const parsed = configSchema.safeParse({ ...start, loss, data, features });
  if (!parsed.success || !loss) {
    return { ...start, data, ...(features ? { features } : {}), ...(loss ? { loss } : {}) };
  }
  const orders = lossFamily(loss) === "classes" ? labelOrders(facts, outputs) : [];
  return settle(root, model, parsed.data, orders, findings);
}

/** Images with masks are for models that give a map, and for no others. */
function fittingPlans(model: Model, plans: readonly Plan[]): readonly Plan[] {
  const rank = model.graph.outputs[0]?.shape.length ?? 0;
  const masked = plans.filter(({ data }) => data.masks !== undefined);
  return rank === 4 && masked.length > 0
    ? masked
    : plans.filter(({ data }) => data.masks === undefined);
}

/** A configuration whose target has a label at each position. */
async function proposePositions(
  root: string,
  model: Model,
  found: Partial<Config> & { readonly plan: Plan; readonly plans: readonly Plan[] },
  { target, loss, values, classes }: PositionTarget,
  findings: Findings,
): Promise<Partial<Config>> {
  const { plan, plans, ...start } = found;
  const { type, ...settings } = loss;
  const whole = {
    ...start,
    loss: Object.keys(settings).length === 0 ? type : loss,
    data: proposeData(plan, plans, target),
    features: plan.features,
  };
  const parsed = configSchema.safeParse(whole);
  if (!parsed.success) {
    return whole as Partial<Config>;
  }
  const names = values.filter((value) => value !== String(loss.ignoreIndex ?? -100));
  const facts = {
    values: names,
    numeric: names.every((name) => Number.isFinite(Number(name))),
    whole: names.every((name) => Number.isInteger(Number(name))),
    binary: false,
    lists: false,
  };
  const orders = names.length > 0 && !facts.numeric ? labelOrders(facts, classes) : [];
  return settle(root, model, parsed.data, orders, findings);
}

/** Tries out what the files do not tell: the order of labels first, then how values were scaled. */
async function settle(
  root: string,
  model: Model,
  config: Config,
  orders: readonly (readonly string[])[],
  findings: Findings,
): Promise<Config> {
  const labelled =
    (await pickVariant(
      root,
      model,
      "labels",
      "In which order do the labels stand for the model's outputs?",
      labelVariants(config, orders),
      findings,
    )) ?? config;
  const pixels =
    (await pickVariant(
      root,
      model,
      "pixels",
      "How were the pixels scaled in training?",
      pixelVariants(labelled),
      findings,
    )) ?? labelled;
  return (
    (await pickVariant(
      root,
      model,
      "standardise",
      "Were the columns standardised in training?",
      standardiseVariants(pixels),
      findings,
    )) ?? pixels
  );
}

function chooseTrain(plans: readonly Plan[], findings: Findings): Plan | undefined {
  const named = plans.filter(({ data }) => data.split === "train");
  const open = plans.filter(({ data }) => data.split === undefined);
  return findings.choose(
    "train",
    "Which file holds the training data?",
    named.length > 0 ? named : open,
    ({ data }) => ({
      value: data.path,
      label: data.path,
      detail: `${counted(data.length, "example")}: ${data.columns.slice(0, 8).join(", ")}`,
    }),
  );
}

function chooseTarget(plan: Plan, findings: Findings): string | string[] | undefined {
  if (plan.data.kind === "arrays") {
    return "y";
  }
  const answered = (findings.answers.target ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => plan.data.columns.includes(name));
  const [only] = answered;
  if (only !== undefined) {
    return answered.length === 1 ? only : answered;
  }
  const { columns, obvious } = targetColumns(plan.facts, ({ name }) => plan.used.has(name));
  if (obvious) {
    return columns[0]?.name;
  }
  return findings.choose(
    "target",
    `Which column of ${plan.data.path} is the target?`,
    // The last column is the most usual one.
    columns.toReversed(),
    ({ name }) => ({ value: name, label: name }),
  )?.name;
}

function proposeData(
  plan: Plan,
  plans: readonly Plan[],
  target: TargetConfig,
): Record<string, SourceConfig> {
  const columns = [...plan.data.columns].sort().join("\n");
  const test = plans.find(
    ({ data }) =>
      data.split === "test" &&
      data.kind === plan.data.kind &&
      [...data.columns].sort().join("\n") === columns,
  );
  return {
    train: plan.data.source(target),
    ...(test ? { test: test.data.source(target) } : {}),
  };
}

function proposeFeatures(
  plan: Plan,
  target: string | string[],
  findings: Findings,
): Config["features"] | undefined {
  if (!plan.columnsInput) {
    return plan.features;
  }
  const { name, width } = plan.columnsInput;
  const targets = typeof target === "string" ? [target] : target;
  const answered = (findings.answers.columns ?? "")
    .split(",")
    .map((column) => column.trim())
    .filter((column) => plan.data.columns.includes(column));
  const chosen =
    answered.length > 0 ? { columns: answered } : chooseColumns(plan.facts, targets, width);
  if (!chosen) {
    findings.questions.push({
      id: "columns",
      prompt: `The input "${name}" takes ${width === undefined ? "some numbers" : counted(width, "number")}. Which columns, in which order? (Names with commas.)`,
      options: [],
      input: "text",
    });
    return undefined;
  }
  return { ...plan.features, [name]: chosen };
}

/** Classes, labels or numbers that the model gives for one example. */
function outputWidth(model: Model): number | undefined {
  const shape = model.graph.outputs[0]?.shape ?? [];
  const width = shape[1];
  return shape.length === 1
    ? 1
    : shape.length === 2 && typeof width === "number"
      ? width
      : undefined;
}

function explainGaps(proposal: Partial<Config>, findings: Findings): void {
  if (proposal.model === undefined) {
    findings.notes.push(
      "No model was found: neither ONNX, Keras nor TensorFlow.js. TracIn: Export PyTorch Model writes a script that makes one.",
    );
  } else if (proposal.checkpoints === undefined) {
    findings.notes.push("No checkpoint fits the model by names and shapes.");
  }
  if (
    proposal.model !== undefined &&
    proposal.data === undefined &&
    findings.questions.length === 0
  ) {
    findings.notes.push("No data fit the model's inputs.");
  }
}
