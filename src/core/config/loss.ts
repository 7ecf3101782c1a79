import type { Reading } from "../datasets/target-form.ts";
import { TracInError } from "../errors.ts";
import type { ValueInfo } from "../graph/graph.ts";
import type { Model } from "../models/model.ts";
import type { Config } from "./config.ts";
import { type LossName, type LossSettings, lossFamily, lossNames } from "./loss-schema.ts";
import type { LossSpec } from "./project.ts";

type Key = Exclude<keyof LossSettings, "type">;

const regression = ["reduction", "output"] as const;
const ofClasses = ["reduction", "output", "classAxis", "ignoreIndex", "shift"] as const;
const ofFlags = ["reduction", "output", "classAxis", "ignoreIndex"] as const;
const focal = ["gamma", "alpha"] as const;

/** The settings that mean something for each loss. */
const keysOf: Readonly<Record<LossName, readonly Key[]>> = {
  "softmax-cross-entropy": [...ofClasses, "weights", "labelSmoothing", ...focal],
  "categorical-hinge": ofClasses,
  "multi-margin": [...ofClasses, "weights", "margin", "power"],
  "sigmoid-cross-entropy": [...ofFlags, "posWeight", "labelSmoothing", ...focal],
  hinge: ofFlags,
  "squared-hinge": ofFlags,
  mse: regression,
  mae: regression,
  huber: [...regression, "delta"],
  "smooth-l1": [...regression, "beta"],
  "log-cosh": regression,
  mape: regression,
  msle: regression,
  poisson: [...regression, "logInput"],
  "kl-divergence": [...regression, "classAxis", "logInput"],
  "cosine-similarity": regression,
  output: ["output", "prediction", "ignoreIndex"],
};

/** PyTorch's. */
const defaultIgnoreIndex = -100;

/** A setting that the loss does not have, with what to do; undefined when there is none. */
export function misplacedSetting(
  settings: LossSettings,
): { readonly key: string; readonly message: string; readonly remedy: string } | undefined {
  const { type } = settings;
  const given = Object.keys(settings).filter((name) => name !== "type");
  const key = type && given.find((name) => !keysOf[type].some((known) => known === name));
  if (key === undefined || type === undefined) {
    return type === "output" && settings.output === undefined
      ? {
          key: "type",
          message: 'The loss "output" names no output of the model.',
          remedy: 'Add "output": the name of the output that holds the loss of each example.',
        }
      : undefined;
  }
  const homes = Object.entries(keysOf).filter(([, keys]) => keys.some((known) => known === key));
  return {
    key,
    message: `The loss "${type}" has no "${key}".`,
    remedy: `It belongs to ${homes.map(([name]) => `"${name}"`).join(" and ")}.`,
  };
}

/** `loss` of a configuration in its long form; empty where it is left to the model. */
export function lossSettings(config: Pick<Config, "loss">): LossSettings {
  return typeof config.loss === "string" ? { type: config.loss } : (config.loss ?? {});
}

/**
 * The loss: what `tracin.json` says, over what the model file says (the compiled loss of a Keras model), over the
 * defaults. Another type in `tracin.json` leaves of the model's settings only where its classes are.
 *
 * @throws kind `config` when neither names a loss, or a setting or output does not belong to it
 */
export function resolveLoss(config: Pick<Config, "loss" | "data">, model: Model): LossSpec {
  const own = lossSettings(config);
  const ofModel = model.loss ?? {};
  const type = own.type ?? ofModel.type;
  if (type === undefined) {
    const { unread } = ofModel;
    throw new TracInError(
      "config",
      unread === undefined
        ? `"loss" is missing, and ${model.file} does not say which loss it was trained with.`
        : `"loss" is missing, and the one that ${model.file} was compiled with is not read: ${unread}.`,
      { file: "tracin.json" },
      `Set "loss" to one of ${lossNames.join(", ")} (output: one that the model computes itself).`,
    );
  }
  const misplaced = misplacedSetting({ ...own, type });
  if (misplaced !== undefined && type !== "output") {
    throw new TracInError("config", misplaced.message, { file: "tracin.json" }, misplaced.remedy);
  }
  const { masks = {}, meanOfLast, unread: _, ...settled } = ofModel;
  const kept = ofModel.type === type ? settled : { classAxis: ofModel.classAxis };
  const settings: LossSettings = { ...kept, ...own };
  const known = <K extends Key>(key: K): LossSettings[K] | undefined =>
    keysOf[type].includes(key) ? settings[key] : undefined;
  const output = outputNamed(model, settings.output ?? model.graph.outputs[0]?.name ?? "");
  const prediction = known("prediction");
  const rank = model.graph.outputs.find(({ name }) => name === output)?.shape.length;
  // One label has no others to take a mean with; the compiled mean is over the batch.
  const isWeighted = own.weights !== undefined && own.reduction === undefined && rank === 2;
  return defined({
    type,
    reduction: isWeighted ? "sum" : (known("reduction") ?? "sum"),
    meanOfLast: ofModel.type === type && own.reduction === undefined ? meanOfLast : undefined,
    output,
    classAxis: known("classAxis"),
    ignoreIndex: keysOf[type].includes("ignoreIndex")
      ? (known("ignoreIndex") ?? defaultIgnoreIndex)
      : undefined,
    shift: keysOf[type].includes("shift")
      ? (known("shift") ?? (isOwnTokens(config) || undefined))
      : undefined,
    weights: known("weights"),
    posWeight: known("posWeight"),
    labelSmoothing: known("labelSmoothing"),
    gamma: known("gamma"),
    alpha: known("alpha"),
    margin: known("margin"),
    power: known("power"),
    logInput: known("logInput"),
    delta: known("delta") ?? known("beta"),
    prediction: prediction && outputNamed(model, prediction),
    mask: type !== "output" && Object.hasOwn(masks, output) ? masks[output] : undefined,
  });
}

/** Declared shape of the logits or predictions; undefined where the loss itself is the output. */
export function outputShape(
  model: Model,
  loss: Pick<LossSpec, "type" | "output">,
): ValueInfo["shape"] | undefined {
  return loss.type === "output"
    ? undefined
    : model.graph.outputs.find(({ name }) => name === loss.output)?.shape;
}

/** A model that predicts the tokens that it is given predicts the next one. */
function isOwnTokens({ data }: Pick<Config, "data">): boolean {
  const target = data["train"]?.target;
  return typeof target === "object" && "tokensOf" in target;
}

function outputNamed(model: Model, name: string): string {
  const masks = new Set(Object.values(model.loss?.masks ?? {}));
  const names = model.graph.outputs.map((output) => output.name).filter((own) => !masks.has(own));
  if (!names.includes(name)) {
    throw new TracInError(
      "config",
      `The model has no output "${name}".`,
      { file: model.file },
      `Its outputs are: ${names.join(", ")}.`,
    );
  }
  return name;
}

/** Without the entries that are undefined. */
function defined(spec: { [K in keyof LossSpec]: LossSpec[K] | undefined }): LossSpec {
  const entries = Object.entries(spec).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as LossSpec;
}

/**
 * The loss in one line, with everything that is not plain: `softmax-cross-entropy of "logits", mean over an example's
 * positions that count (label 255 does not)`.
 */
export function lossText(loss: LossSpec, reading: Reading): string {
  if (loss.type === "output") {
    return `"${loss.output}", an output of the model`;
  }
  const family = lossFamily(loss.type);
  const counted =
    family === "classes" || family === "binary"
      ? ` that count (label ${loss.ignoreIndex} and padding do not)`
      : "";
  const over = reading === "positions" ? `positions${counted}` : "outputs";
  const { weights, posWeight, labelSmoothing, gamma, alpha, delta, mask, meanOfLast } = loss;
  const { margin, power, logInput } = loss;
  return [
    `${loss.type} of "${loss.output}", ${loss.reduction} over an example's ${over}`,
    ...(meanOfLast === undefined ? [] : ["of means over the last axis"]),
    ...(mask === undefined ? [] : ["without what the model's mask leaves out"]),
    ...(loss.shift ? ["each position predicts the next one"] : []),
    ...(weights === undefined ? [] : [`class weights ${weights.join(", ")}`]),
    ...(posWeight === undefined ? [] : [`weight of what is on ${[posWeight].flat().join(", ")}`]),
    ...(labelSmoothing === undefined ? [] : [`label smoothing ${labelSmoothing}`]),
    ...(gamma === undefined ? [] : [`focal with gamma ${gamma}`]),
    ...(alpha === undefined ? [] : [`alpha ${[alpha].flat().join(", ")}`]),
    ...(delta === undefined ? [] : [`linear from an error of ${delta}`]),
    ...(margin === undefined ? [] : [`margin ${margin}`]),
    ...(power === 2 ? ["squared"] : []),
    ...(logInput ? ["of logarithms"] : []),
  ].join("; ");
}
