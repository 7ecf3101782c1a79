import { TracInError } from "../../errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../../formats/json.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { pruneGraph } from "../../graph/prune.ts";
import type { Shape } from "../../graph/tensor.ts";
import type { Model } from "../model.ts";
import type { Context, Translation } from "./context.ts";
import type { KerasTensor } from "./layer.ts";
import { compiledLoss } from "./loss.ts";
import { isOperation, networkClasses, translateNetwork } from "./network.ts";
import { tensorflowClasses, translateOperation } from "./operations/operations.ts";
import { declareMasks, declareOutput } from "./outputs.ts";
import { tensorsIn } from "./references.ts";
import { isForeign, refuseLayer } from "./refusals.ts";
import { layers } from "./registry.ts";
import { LayerConfig } from "./settings.ts";
import { WeightStore } from "./weights.ts";

/** What a file says of a Keras model, apart from its weights. */
export interface KerasArchitecture {
  /** The model as `{ class_name, config }`. */
  readonly model: Json;
  /** What `compile` was told: `compile_config` of Keras 3, `training_config` of legacy files. */
  readonly compiled?: JsonObject | undefined;
  /** `keras_version` of the file; TensorFlow.js writes its own. */
  readonly version?: string | undefined;
}

/**
 * The graph of a Keras model in evaluation mode, layer by layer; nothing of the file is executed. Its weights are zeros
 * until a checkpoint fills them in; their aliases are the names that each kind of Keras file gives them.
 *
 * @param sizes shapes of the data by input; serve where the file leaves a size open
 *
 * Throws kind `model` for layers and settings that are not read, naming file, layer and class.
 */
export function importKeras(
  architecture: KerasArchitecture,
  file: string,
  sizes: ReadonlyMap<string, Shape> = new Map(),
): Model {
  const network = new LayerConfig(architecture.model, file);
  const builder = new GraphBuilder();
  const weights = new WeightStore(network.name);
  const translation: Translation = {
    builder,
    weights,
    ...releaseOf(architecture),
    file,
    sizes,
    guessed: new Set(),
    maskRanks: new Map(),
    unmasked: new Set(),
    arrangements: new Map(),
    translate,
  };
  const outputs = translateNetwork(translation, network, undefined);
  for (const [name, tensor] of outputs) {
    addOutput(builder, name, tensor);
  }
  const compiled = compiledLoss(builder, architecture.compiled, outputs);
  const masks = declareMasks(translation, outputs);
  const declared = weights.weights();
  for (const [name, tensor] of weights.zeros()) {
    builder.initializer(name, tensor);
  }
  return {
    file,
    graph: pruneGraph(builder.build()),
    weights: declared,
    order: weights.order(),
    recorded: true,
    hollow: true,
    paddingRows: new Map(),
    ...(architecture.compiled === undefined
      ? {}
      : { training: { file, compiled: architecture.compiled, version: architecture.version } }),
    loss: Object.keys(masks).length === 0 ? compiled : { ...compiled, masks },
    ...(translation.guessed.size === 0
      ? {}
      : { sized: (shapes) => importKeras(architecture, file, shapes) }),
  };
}

/** The release whose defaults hold: 3 where the file says so, or names the modules of classes and no version. */
function releaseOf({ model, version }: KerasArchitecture): Pick<Translation, "version" | "minor"> {
  const isThird =
    version === undefined ? isJsonObject(model) && "module" in model : /^3\b/.test(version);
  const minor = /^3\.(\d+)/.exec(version ?? "")?.[1];
  return isThird
    ? { version: 3, minor: minor === undefined ? Number.POSITIVE_INFINITY : Number(minor) }
    : { version: 2, minor: 0 };
}

/** The value as an output under its own name, in Keras's order of axes. */
function addOutput(builder: GraphBuilder, name: string, tensor: KerasTensor): void {
  const isPlain = tensor.order.every((axis, index) => axis === index);
  builder.add({
    op: isPlain ? "Identity" : "Transpose",
    name,
    inputs: [tensor.value],
    outputs: [name],
    attributes: isPlain
      ? {}
      : {
          perm: {
            type: "ints",
            value: tensor.shape.map((_, axis) => tensor.order.indexOf(axis)),
          },
        },
  });
  declareOutput(builder, name, tensor.dtype, tensor.shape);
}

function translate(context: Context): readonly KerasTensor[] {
  const { layer, call, translation, scope } = context;
  const { builder } = translation;
  if (networkClasses.has(layer.className)) {
    const [argument = null] = call.args;
    return [...translateNetwork(translation, layer, scope, argument).values()];
  }
  const translator =
    isOperation(layer) || tensorflowClasses.has(layer.className)
      ? translateOperation
      : layers.get(layer.className);
  if (translator === undefined || isForeign(layer)) {
    throw refuseLayer(layer);
  }
  const inputs = tensorsIn([...call.args, ...Object.values(call.kwargs)]);
  const outer = builder.scope;
  builder.scope = `${scope.names[0]}/`;
  try {
    const result = translator(context, inputs);
    layer.checkAllRead();
    return Array.isArray(result) ? result : [result as KerasTensor];
  } catch (error) {
    throw error instanceof TracInError && error.place.layer === undefined
      ? new TracInError(error.kind, error.message, { ...layer.place, ...error.place }, error.remedy)
      : error;
  } finally {
    builder.scope = outer;
  }
}
