import { counted } from "../../counted.ts";
import { TracInError } from "../../errors.ts";
import { isJsonObject, type Json } from "../../formats/json.ts";
import { Context, type Translation } from "./context.ts";
import { inputTensor } from "./input.ts";
import type { CallArgument, KerasTensor } from "./layer.ts";
import { containerName } from "./names.ts";
import {
  isTensor,
  type Reference,
  referenceOf,
  resolveCall,
  type SavedCall,
  savedCalls,
  tensorsIn,
} from "./references.ts";
import { LayerConfig } from "./settings.ts";
import { childScope, type WeightScope } from "./weights.ts";

/** A network of layers: what it gives, by the name of each output. */
export type NetworkOutputs = ReadonlyMap<string, KerasTensor>;

/** Classes of models that hold layers; `Model` is what Keras before 2.3 and TensorFlow.js call a functional one. */
export const networkClasses: ReadonlySet<string> = new Set(["Sequential", "Functional", "Model"]);

/** A layer of a network with its place among the weights. */
interface Member {
  readonly config: LayerConfig;
  readonly scope: WeightScope;
  readonly calls: readonly SavedCall[];
  /** Number that references give to the first call. */
  readonly firstCall: { readonly inCalls: number; readonly inOutputs: number };
  /** Outputs of the calls made so far. */
  readonly results: (readonly KerasTensor[])[];
}

/**
 * Translates a Sequential or functional model, which may be a layer of another one.
 * @param argument what a model inside another one is called with; the outermost model declares its own inputs
 */
export function translateNetwork(
  translation: Translation,
  network: LayerConfig,
  scope: WeightScope | undefined,
  argument?: CallArgument,
): NetworkOutputs {
  const layers = network.raw("layers");
  if (!networkClasses.has(network.className) || !Array.isArray(layers) || layers.length === 0) {
    throw new TracInError(
      "model",
      `A model of class "${network.className}" does not say how its layers are connected.`,
      { file: network.file },
      "Build it as a Sequential or functional model (keras.Model(inputs, outputs)) and save it again, or export it to ONNX.",
    );
  }
  const members = membersOf(network, layers, scope);
  return network.className === "Sequential"
    ? translateSequence(translation, network, members, argument)
    : translateGraph(translation, network, members, argument);
}

function membersOf(
  network: LayerConfig,
  layers: readonly Json[],
  scope: WeightScope | undefined,
): readonly Member[] {
  const counters = new Map<string, number>();
  const names = new Set<string>();
  return layers.map((data, place): Member => {
    const config = new LayerConfig(data, network.file);
    if (names.has(config.name)) {
      throw new TracInError(
        "model",
        `Two layers of the model have the name "${config.name}".`,
        { file: network.file },
        "Give every layer a name of its own and save the model again.",
      );
    }
    names.add(config.name);
    return {
      config,
      scope: memberScope(network, config, scope, counters, place),
      calls: savedCalls(isJsonObject(data) ? data["inbound_nodes"] : undefined),
      firstCall: firstCallOf(config),
      results: [],
    };
  });
}

/** Keras 3 counts the layers of a container by class, operations of `keras.ops` left out. */
function memberScope(
  network: LayerConfig,
  config: LayerConfig,
  scope: WeightScope | undefined,
  counters: Map<string, number>,
  place: number,
): WeightScope {
  let path = containerName(config.className);
  if (!isOperation(config)) {
    const count = counters.get(path) ?? 0;
    counters.set(path, count + 1);
    path = count === 0 ? path : `${path}_${count}`;
  }
  const trainable = network.trainable && config.trainable;
  if (scope === undefined) {
    const { name } = config;
    return { group: name, paths: [`layers/${path}`], names: [name], trainable, place: [place] };
  }
  const inner = childScope(scope, [`layers/${path}`], [config.name], trainable, place);
  return { ...inner, names: [...inner.names, config.name] };
}

/**
 * Operations of `keras.ops` in a functional model of Keras 3 stand among its layers, but are none. Legacy files do not name
 * their module; what tells them from layers of the same name is that only layers are trainable or not.
 */
export function isOperation(config: LayerConfig): boolean {
  return config.module === undefined
    ? isKeras3(config) && !("trainable" in config.settings)
    : /^keras\.(src\.)?ops\b/.test(config.module);
}

/**
 * A model inside another one starts with a call that links its own input and output. Keras 2 counts it where the model has
 * an input layer; Keras 3 counts it for functional models, and only where outputs of the outer model are named.
 */
function firstCallOf(config: LayerConfig): Member["firstCall"] {
  const layers = config.settings["layers"];
  if (!networkClasses.has(config.className) || !Array.isArray(layers)) {
    return { inCalls: 0, inOutputs: 0 };
  }
  const [first] = layers;
  const isSequential = config.className === "Sequential";
  if (isKeras3(config)) {
    return { inCalls: 0, inOutputs: isSequential ? 0 : 1 };
  }
  const hasInput = !isSequential || (isJsonObject(first) && first["class_name"] === "InputLayer");
  const number = hasInput ? 1 : 0;
  return { inCalls: number, inOutputs: number };
}

/** Keras 3 writes calls with `args` and `kwargs`. */
function isKeras3(config: LayerConfig): boolean {
  const nodes = isJsonObject(config.data) ? config.data["inbound_nodes"] : undefined;
  return Array.isArray(nodes) && isJsonObject(nodes[0]);
}

function translateSequence(
  translation: Translation,
  network: LayerConfig,
  members: readonly Member[],
  argument: CallArgument | undefined,
): NetworkOutputs {
  network.ignore("build_input_shape");
  let current = argument === undefined ? undefined : tensorsIn(argument);
  for (const { config, scope } of members) {
    if (config.className === "InputLayer") {
      current ??= [inputTensor(translation, config, config.name, members.map(layerOfMember))];
      continue;
    }
    if (current === undefined) {
      const shape = config.raw("batch_input_shape") ?? network.raw("build_input_shape") ?? null;
      const name = `${config.name}_input`;
      const dtype = config.raw("dtype") ?? null;
      const input = new LayerConfig(
        { class_name: "InputLayer", config: { name, batch_shape: shape, dtype } },
        network.file,
      );
      current = [inputTensor(translation, input, input.name, members.map(layerOfMember))];
    }
    const call = {
      args: [current.length === 1 ? (current[0] as KerasTensor) : current],
      kwargs: {},
    };
    current = translation.translate(new Context(translation, config, scope, call));
  }
  const last = members.at(-1)?.config.name ?? "output";
  return new Map(
    (current ?? []).map((tensor, index) => [index === 0 ? last : `${last}_${index}`, tensor]),
  );
}

function layerOfMember(member: Member): LayerConfig {
  return member.config;
}

function translateGraph(
  translation: Translation,
  network: LayerConfig,
  members: readonly Member[],
  argument: CallArgument | undefined,
): NetworkOutputs {
  const byName = new Map(members.map((member) => [member.config.name, member]));
  enter(translation, network, members, byName, argument);
  let waiting = members.filter(({ calls }) => calls.length > 0);
  while (waiting.length > 0) {
    const before = waiting.reduce((total, { results }) => total + results.length, 0);
    for (const member of waiting) {
      callWhatIsReady(translation, member, byName);
    }
    if (waiting.reduce((total, { results }) => total + results.length, 0) === before) {
      throw new TracInError(
        "model",
        "The layers of the model are not connected to its inputs, or go round in a circle.",
        (waiting[0] as Member).config.place,
        "Save the model again with Keras.",
      );
    }
    waiting = waiting.filter(({ calls, results }) => results.length < calls.length);
  }
  const outputs = new Map<string, KerasTensor>();
  for (const [key, reference] of namedReferences(network, "output_layers")) {
    const tensor = lookUp(byName, reference, "inOutputs");
    if (tensor === undefined) {
      throw dangling(network, reference);
    }
    let name = key ?? reference.layer;
    for (let count = 1; outputs.has(name); count++) {
      name = `${key ?? reference.layer}_${count}`;
    }
    outputs.set(name, tensor);
  }
  return outputs;
}

/** Gives the input layers their values: graph inputs, or the tensors that the model is called with. */
function enter(
  translation: Translation,
  network: LayerConfig,
  members: readonly Member[],
  byName: ReadonlyMap<string, Member>,
  argument: CallArgument | undefined,
): void {
  const inputs = namedReferences(network, "input_layers");
  const given = argument === undefined ? undefined : tensorsIn(argument);
  const byKey =
    typeof argument === "object" &&
    argument !== null &&
    !Array.isArray(argument) &&
    !isTensor(argument)
      ? (argument as Readonly<Record<string, CallArgument>>)
      : {};
  if (given !== undefined && given.length !== inputs.length) {
    throw new TracInError(
      "model",
      `The model takes ${counted(inputs.length, "input")}, but is called with ${given.length}.`,
      network.place,
      "Save the model again with Keras.",
    );
  }
  for (const [index, [key, reference]] of inputs.entries()) {
    const member = byName.get(reference.layer);
    if (member === undefined) {
      throw dangling(network, reference);
    }
    const named = byKey[key ?? ""] ?? byKey[reference.layer];
    const tensor =
      given === undefined
        ? inputTensor(translation, member.config, reference.layer, consumersOf(members, reference))
        : isTensor(named)
          ? named
          : (given[index] as KerasTensor);
    member.results.push([tensor]);
  }
}

function consumersOf(members: readonly Member[], { layer }: Reference): readonly LayerConfig[] {
  return members
    .filter(({ calls }) => JSON.stringify(calls).includes(JSON.stringify(layer)))
    .map(layerOfMember);
}

function callWhatIsReady(
  translation: Translation,
  { config, scope, calls, results }: Member,
  byName: ReadonlyMap<string, Member>,
): void {
  for (const call of calls.slice(results.length)) {
    const missing = Symbol("missing");
    try {
      const resolved = resolveCall(call, (reference) => {
        const tensor = lookUp(byName, reference, "inCalls");
        if (tensor === undefined) {
          throw missing;
        }
        const { mask: _, ...unmasked } = tensor;
        return translation.unmasked.has(tensor.value) ? unmasked : tensor;
      });
      results.push(translation.translate(new Context(translation, config, scope, resolved)));
    } catch (error) {
      if (error !== missing) {
        throw error;
      }
      return;
    }
  }
}

function lookUp(
  members: ReadonlyMap<string, Member>,
  { layer, node, tensor }: Reference,
  place: keyof Member["firstCall"],
): KerasTensor | undefined {
  const member = members.get(layer);
  return member?.results[node - member.firstCall[place]]?.[tensor];
}

function dangling(network: LayerConfig, { layer, node, tensor }: Reference): TracInError {
  return new TracInError(
    "model",
    `The model refers to output ${tensor} of call ${node} of the layer "${layer}", which does not exist.`,
    network.place,
    "Save the model again with Keras.",
  );
}

/** The references of `input_layers` or `output_layers`: one, a list, or by name (in the order of sorted names, as Keras flattens). */
function namedReferences(
  network: LayerConfig,
  key: "input_layers" | "output_layers",
): readonly (readonly [string | undefined, Reference])[] {
  const value = network.raw(key);
  const single = referenceOf(value);
  const entries: (readonly [string | undefined, Json])[] = single
    ? [[undefined, value ?? null]]
    : Array.isArray(value)
      ? value.map((item) => [undefined, item] as const)
      : isJsonObject(value)
        ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
        : [];
  const references = entries.map(([name, item]) => {
    const reference = referenceOf(item);
    if (reference === undefined) {
      throw new TracInError(
        "model",
        `"${key}" of the model is not a list of layers.`,
        network.place,
        "Save the model again with Keras.",
      );
    }
    return [name, reference] as const;
  });
  return references;
}
