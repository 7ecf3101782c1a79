import {
  isJsonObject,
  type Json,
  type JsonObject,
  memberAt,
  objectAt,
} from "../../formats/json.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import type { ModelLoss } from "../model.ts";
import { logitsOf } from "./loss-logits.ts";
import type { NetworkOutputs } from "./network.ts";

/** Losses of Keras that TracIn knows, by name without underscores and letter case (and short names of Keras and TensorFlow.js). */
const types = {
  sparsecategoricalcrossentropy: "softmax-cross-entropy",
  categoricalcrossentropy: "softmax-cross-entropy",
  categoricalfocalcrossentropy: "softmax-cross-entropy",
  categoricalhinge: "categorical-hinge",
  binarycrossentropy: "sigmoid-cross-entropy",
  bce: "sigmoid-cross-entropy",
  binaryfocalcrossentropy: "sigmoid-cross-entropy",
  hinge: "hinge",
  squaredhinge: "squared-hinge",
  meansquarederror: "mse",
  mse: "mse",
  meanabsoluteerror: "mae",
  mae: "mae",
  meanabsolutepercentageerror: "mape",
  mape: "mape",
  meansquaredlogarithmicerror: "msle",
  msle: "msle",
  huber: "huber",
  huberloss: "huber",
  logcosh: "log-cosh",
  poisson: "poisson",
  kldivergence: "kl-divergence",
  kullbackleiblerdivergence: "kl-divergence",
  kld: "kl-divergence",
  cosinesimilarity: "cosine-similarity",
  cosineproximity: "cosine-similarity",
} as const satisfies Readonly<Record<string, ModelLoss["type"]>>;

/** A loss as it was compiled, for one output. */
export interface CompiledLoss {
  readonly type: (typeof types)[keyof typeof types];
  readonly settings: JsonObject;
  /** Of a focal loss; empty for others. */
  readonly focal: Pick<ModelLoss, "gamma" | "alpha">;
}

/** Classes are on the last axis of every Keras output; nothing else is known of a loss that was not compiled. */
const classesLast = { classAxis: -1 } as const;

/** What a reduction does over the positions of one example. Without one, TensorFlow adds up the gradients. */
const reductions: ReadonlyMap<Json | undefined, "sum" | "mean"> = new Map([
  [undefined, "mean"],
  ["auto", "mean"],
  ["mean", "mean"],
  ["sum_over_batch_size", "mean"],
  ["mean_with_sample_weight", "mean"],
  ["sum", "sum"],
  ["none", "sum"],
  [null, "sum"],
] as const);

/** Losses that are no mean over the last axis of the output before they are reduced. */
const whole = new Set<CompiledLoss["type"]>([
  "softmax-cross-entropy",
  "categorical-hinge",
  "kl-divergence",
  "cosine-similarity",
]);

/**
 * What `compile` was told of the loss of one example, and the output that it takes. Where it is not read, `unread` says why.
 *
 * Averages over the last axis and over positions are a `mean` over the outputs of one example; their sum over positions is a
 * `sum` with `meanOfLast`. A factor for the only loss (`loss_weights`) changes no ranking and is left out.
 */
export function compiledLoss(
  builder: GraphBuilder,
  compiled: JsonObject | undefined,
  outputs: NetworkOutputs,
): ModelLoss {
  const losses = lossesOf(memberAt(compiled, "loss"), [...outputs.keys()]);
  const [entry, ...others] = losses;
  if (entry === undefined) {
    return classesLast;
  }
  const unread = (why: string): ModelLoss => ({ ...classesLast, unread: why });
  if (others.length > 0) {
    const names = losses.map(({ output }) => `"${output}"`).join(", ");
    return unread(
      `the outputs ${names} have a loss each, and the training minimised their sum; name one as "output" in "loss" to explain its part`,
    );
  }
  const { output, value } = entry;
  const own = readLoss(value);
  if (output === undefined) {
    return unread("it names an output that the model does not have");
  }
  if (own === undefined) {
    return unread(nameOf(value));
  }
  const { type, settings, focal } = own;
  const told = memberAt(settings, "reduction");
  const reduction = reductions.get(told);
  if (reduction === undefined) {
    return unread(`its reduction is ${JSON.stringify(told)}`);
  }
  const isSum = reduction === "sum";
  const delta = numberAt(settings, "delta");
  if (type === "huber" && delta === undefined && "name" in settings) {
    return unread(
      'Keras 3 does not save the "delta" of Huber; give it in "loss", with "reduction": "mean"',
    );
  }
  const axis = numberAt(settings, "axis") ?? -1;
  const isLast = axis === -1 || axis + 1 === outputs.get(output)?.shape.length;
  if (!isLast && type !== "softmax-cross-entropy" && (isSum || whole.has(type))) {
    return unread(`${nameOf(value)} over the axis ${axis}; only the last one is read`);
  }
  const source = logitsOf(builder, outputs, output, own);
  if (source === undefined) {
    return unread(`${nameOf(value)} of an output with another activation than the one it is for`);
  }
  const smoothing = numberAt(settings, "label_smoothing") ?? 0;
  const ignored = numberAt(settings, "ignore_class");
  return {
    type,
    output: source,
    reduction,
    ...(isSum && !whole.has(type) ? { meanOfLast: true } : {}),
    classAxis: type === "softmax-cross-entropy" ? axis : -1,
    ...(smoothing > 0 ? { labelSmoothing: smoothing } : {}),
    ...focal,
    ...(ignored === undefined ? {} : { ignoreIndex: ignored }),
    ...(type === "huber" && delta !== undefined ? { delta } : {}),
  };
}

/** A loss with the output that it is of; undefined where the model has none of the name. */
interface OutputLoss {
  readonly output: string | undefined;
  readonly value: Json;
}

/** The losses by output. Keras takes one for all, a list in the order of the outputs, or a dictionary. */
function lossesOf(loss: Json | undefined, outputs: readonly string[]): readonly OutputLoss[] {
  const all: readonly { output: string | undefined; value: Json | undefined }[] = Array.isArray(
    loss,
  )
    ? loss.map((value: Json, index) => ({ output: outputs[index], value }))
    : isJsonObject(loss) && !("class_name" in loss)
      ? Object.entries(loss).map(([name, value]) => ({
          output: outputs.includes(name) ? name : undefined,
          value,
        }))
      : outputs.map((output) => ({ output, value: loss }));
  return all.flatMap(({ output, value }) =>
    value === undefined || value === null ? [] : [{ output, value }],
  );
}

/** Name of a function or class of Keras. */
function classOf(value: Json): Json | undefined {
  const object = isJsonObject(value) ? value : undefined;
  const className = memberAt(object, "class_name");
  // A function of Keras is serialised with its name in place of settings.
  return className === "function" ? memberAt(object, "config") : (className ?? value);
}

/** As a person reads it. */
function nameOf(value: Json): string {
  return JSON.stringify(classOf(value)).slice(0, 100);
}

/** A name, or an object of a class with its settings; undefined for a loss that TracIn does not know. */
function readLoss(value: Json): CompiledLoss | undefined {
  const name = classOf(value);
  const key = typeof name === "string" ? name.replaceAll("_", "").toLowerCase() : "";
  const type = Object.hasOwn(types, key) ? types[key as keyof typeof types] : undefined;
  if (type === undefined) {
    return undefined;
  }
  const settings = objectAt(isJsonObject(value) ? value : undefined, "config") ?? {};
  return { type, settings, focal: key.includes("focal") ? focalSettings(settings, type) : {} };
}

/** Keras's defaults are those of its functions too. */
function focalSettings(settings: JsonObject, type: CompiledLoss["type"]): CompiledLoss["focal"] {
  const gamma = numberAt(settings, "gamma") ?? 2;
  if (type === "sigmoid-cross-entropy") {
    const isBalanced = memberAt(settings, "apply_class_balancing") === true;
    return { gamma, ...(isBalanced ? { alpha: numberAt(settings, "alpha") ?? 0.25 } : {}) };
  }
  const alpha = memberAt(settings, "alpha");
  const list = Array.isArray(alpha) ? alpha.filter((each) => typeof each === "number") : undefined;
  return { gamma, alpha: list ?? (typeof alpha === "number" ? alpha : 0.25) };
}

function numberAt(settings: JsonObject, key: string): number | undefined {
  const value = memberAt(settings, key);
  return typeof value === "number" ? value : undefined;
}
