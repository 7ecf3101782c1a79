import {
  isJsonObject,
  type Json,
  type JsonObject,
  memberAt,
  objectAt,
} from "../../formats/json.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import type { ModelLoss } from "../model.ts";
import type { NetworkOutputs } from "./network.ts";
import { declareOutput, logitsName } from "./outputs.ts";

/** Losses of Keras that TracIn knows, by name without underscores and letter case. */
const types = {
  sparsecategoricalcrossentropy: "softmax-cross-entropy",
  categoricalcrossentropy: "softmax-cross-entropy",
  binarycrossentropy: "sigmoid-cross-entropy",
  meansquarederror: "mse",
  mse: "mse",
  meanabsoluteerror: "mae",
  mae: "mae",
  huber: "huber",
  huberloss: "huber",
} as const satisfies Readonly<Record<string, ModelLoss["type"]>>;

/** A loss as it was compiled, for one output. */
interface Compiled {
  readonly type: NonNullable<ModelLoss["type"]>;
  readonly settings: JsonObject;
}

/** Classes are on the last axis of every Keras output; nothing else is known of a loss that was not compiled. */
const classesLast = { classAxis: -1 } as const;

/**
 * What `compile` was told of the loss of one example, and the output that it takes. Where the cross-entropy that Keras computed is
 * not that of the output's own logits (probabilities that no Softmax or Sigmoid ends with, one that was taken for
 * logits), what it is the cross-entropy of becomes an output of its own, `NAME/logits`.
 *
 * Averages over the last axis and over positions are a `mean` over the outputs of one example; their sum over positions is a `sum` with `meanOfLast`. With several outputs that have a
 * loss each, none of them is the loss of the training: nothing is said.
 */
export function compiledLoss(
  builder: GraphBuilder,
  compiled: JsonObject | undefined,
  outputs: NetworkOutputs,
): ModelLoss {
  const losses = lossesOf(memberAt(compiled, "loss"), [...outputs.keys()]);
  const [entry] = losses;
  if (entry === undefined || losses.length !== 1) {
    return classesLast;
  }
  const [output, own] = entry;
  const { type, settings } = own;
  const isSum = memberAt(settings, "reduction") === "sum";
  const smoothing = numberAt(settings, "label_smoothing") ?? 0;
  const ignored = numberAt(settings, "ignore_class");
  const delta = numberAt(settings, "delta");
  if (type === "huber" && delta === undefined && "name" in settings) {
    // Keras 3 does not save it.
    return classesLast;
  }
  const axis = numberAt(settings, "axis");
  return {
    type,
    output: logitsOf(builder, outputs, output, own),
    reduction: isSum ? "sum" : "mean",
    ...(isSum && type !== "softmax-cross-entropy" ? { meanOfLast: true } : {}),
    ...(type === "softmax-cross-entropy" ? { classAxis: axis ?? -1 } : classesLast),
    ...(smoothing > 0 ? { labelSmoothing: smoothing } : {}),
    ...(ignored === undefined ? {} : { ignoreIndex: ignored }),
    ...(type === "huber" && delta !== undefined ? { delta } : {}),
  };
}

/** The losses by output. Keras takes one for all, a list in the order of the outputs, or a dictionary. */
function lossesOf(loss: Json | undefined, outputs: readonly string[]): [string, Compiled][] {
  const known = (output: string | undefined, value: Json | undefined): [string, Compiled][] => {
    const compiled = readLoss(value);
    return output === undefined || compiled === undefined ? [] : [[output, compiled]];
  };
  if (Array.isArray(loss)) {
    return loss.flatMap((value: Json, index) => known(outputs[index], value));
  }
  if (isJsonObject(loss) && !("class_name" in loss)) {
    return Object.entries(loss).flatMap(([name, value]) =>
      known(outputs.includes(name) ? name : undefined, value),
    );
  }
  return outputs.flatMap((output) => known(output, loss));
}

/** A name, or an object of a class with its settings; undefined for a loss that TracIn does not know. */
function readLoss(value: Json | undefined): Compiled | undefined {
  const object = isJsonObject(value) ? value : undefined;
  const className = memberAt(object, "class_name");
  const config = memberAt(object, "config");
  // A function of Keras is serialised with its name in place of settings.
  const name = className === "function" ? config : (className ?? value);
  const key = typeof name === "string" ? name.replaceAll("_", "").toLowerCase() : "";
  const type = Object.hasOwn(types, key) ? types[key as keyof typeof types] : undefined;
  return type && { type, settings: objectAt(object, "config") ?? {} };
}

function numberAt(settings: JsonObject, key: string): number | undefined {
  const value = memberAt(settings, key);
  return typeof value === "number" ? value : undefined;
}

/** Operators between an activation and an output that keep every element. */
const keeping = new Set(["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"]);
const activations: Readonly<Partial<Record<Compiled["type"], string>>> = {
  "softmax-cross-entropy": "Softmax",
  "sigmoid-cross-entropy": "Sigmoid",
};

/**
 * The output whose cross-entropy is the compiled one (see {@link compiledLoss}), as Keras on TensorFlow finds it: a tensor
 * that comes straight from `softmax` or `sigmoid` knows its logits, which both cross-entropies take, whatever `from_logits`
 * says; after a Reshape it does not, and `from_logits` rules.
 */
function logitsOf(
  builder: GraphBuilder,
  outputs: NetworkOutputs,
  output: string,
  { type, settings }: Compiled,
): string {
  const own = activations[type];
  if (own === undefined) {
    return output;
  }
  const maker = (value: string) => builder.nodes.find((node) => node.outputs.includes(value));
  const last = maker(output);
  const straight = maker(last?.inputs[0] ?? "");
  let source = last;
  while (source !== undefined && keeping.has(source.op)) {
    source = maker(source.inputs[0] ?? "");
  }
  const fromLogits = memberAt(settings, "from_logits") === true;
  const declare = (value: string): string => {
    const name = logitsName(output);
    const { op, attributes } = last ?? { op: "Identity", attributes: {} };
    builder.add({ op, name, inputs: [value], outputs: [name], attributes });
    declareOutput(builder, name, "float32", outputs.get(output)?.shape ?? []);
    return name;
  };
  if (straight?.op === "Softmax" || straight?.op === "Sigmoid") {
    return straight.op === own ? output : declare(straight.inputs[0] ?? "");
  }
  if (fromLogits) {
    // A product, so that the activation before it is not taken for the loss's own.
    return source?.op === own
      ? declare(builder.mul(last?.inputs[0] ?? "", builder.scalar(1)))
      : output;
  }
  if (source?.op === own) {
    return output;
  }
  const toLogits = type === "softmax-cross-entropy" ? logProbabilities : logOdds;
  return declare(toLogits(builder, last?.inputs[0] ?? ""));
}

/** Keras's `epsilon`, between which and its complement probabilities are cut. */
const epsilon = 1e-7;

function clipped(builder: GraphBuilder, value: string): string {
  return builder.op("Clip", [value, builder.scalar(epsilon), builder.scalar(1 - epsilon)]);
}

/** log(p / sum p) along the last axis: its softmax cross-entropy is -log p. */
function logProbabilities(builder: GraphBuilder, value: string): string {
  const sum = builder.reduceSum(value, [-1], true);
  return builder.op("Log", [clipped(builder, builder.div(value, sum))]);
}

/** log(p / (1 - p)). */
function logOdds(builder: GraphBuilder, value: string): string {
  const p = clipped(builder, value);
  return builder.op("Log", [builder.div(p, builder.sub(builder.scalar(1), p))]);
}
