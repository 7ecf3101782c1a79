import { TracInError } from "../errors.ts";
import type { Shape } from "../graph/tensor.ts";
import {
  isJsonObject,
  type Json,
  type JsonObject,
  memberAt,
  objectAt,
  parseJsonObject,
  textAt,
} from "./json.ts";
import { countElements, FileSource, isCount } from "./source.ts";

/** A TensorFlow.js `model.json`: a Keras model or a graph, and where its weights lie. */
export interface TfjsModel {
  readonly file: string;
  /** `layers-model`: a Keras model, as `config`. `graph-model`: a TensorFlow graph. */
  readonly format: "layers-model" | "graph-model";
  /** The serialised Keras model (`class_name`, `config`), or the GraphDef as JSON (`node`, `library`, ...). */
  readonly config: JsonObject;
  /** The training configuration (`loss`, `optimizer_config`, ...), where it was saved. */
  readonly compile: JsonObject | undefined;
  readonly kerasVersion: string | undefined;
  readonly weights: readonly TfjsWeightGroup[];
}

/** Weights that lie one after another in the joined bytes of some files. */
export interface TfjsWeightGroup {
  /** Paths relative to the folder of `model.json`. */
  readonly paths: readonly string[];
  readonly weights: readonly TfjsWeight[];
}

/** A weight as the manifest lists it. */
export interface TfjsWeight {
  readonly name: string;
  readonly shape: Shape;
  /** Type of the decoded values. */
  readonly dtype: (typeof weightTypes)[number];
  readonly quantization?: TfjsQuantization;
  /** True for the state of the optimizer. */
  readonly ofOptimizer: boolean;
}

/** How a weight is stored instead: float16, or integers q that stand for q * scale + min. */
export type TfjsQuantization =
  | { readonly dtype: "float16" }
  | { readonly dtype: "uint8" | "uint16"; readonly scale: number; readonly min: number };

const weightTypes = ["float32", "int32", "bool", "complex64", "string"] as const;
const maximumJson = 2 ** 28;

/**
 * Reads a `model.json` without its weights.
 * @param kind of the errors: `model` or `checkpoint`
 * Throws `kind` with the file where it is none or damaged.
 */
export async function readTfjsModel(
  path: string,
  file: string,
  kind: "model" | "checkpoint",
): Promise<TfjsModel> {
  const source = await FileSource.open(path, file, kind);
  let text: string;
  try {
    if (source.size > maximumJson) {
      throw source.error(`A model.json of ${source.size} bytes is not read.`);
    }
    text = new TextDecoder().decode(await source.read(0, source.size));
  } finally {
    await source.close();
  }
  const json = parseJsonObject(text, "the file", file, kind);
  const fail = (message: string) => new TracInError(kind, message, { file }, saveAgain);
  const topology = topologyOf(json, file, kind);
  if (topology === undefined) {
    throw fail("This JSON file is no TensorFlow.js model: it has no modelTopology.");
  }
  // The Python converter wraps the model; model.save in JavaScript may write it bare.
  const wrapped = objectAt(topology, "model_config");
  const config = wrapped ?? topology;
  const isLayers = "class_name" in config && textAt(json, "format") !== "graph-model";
  if (!isLayers && !Array.isArray(memberAt(topology, "node"))) {
    throw fail("The modelTopology is neither a Keras model nor a TensorFlow graph.");
  }
  return {
    file,
    format: isLayers ? "layers-model" : "graph-model",
    config,
    compile: objectAt(topology, "training_config") ?? objectAt(json, "trainingConfig"),
    kerasVersion: textAt(topology, "keras_version"),
    weights: readManifest(memberAt(json, "weightsManifest"), fail),
  };
}

const saveAgain =
  'Save the model again with model.save("file://...") or convert it with tensorflowjs_converter.';

/** Old files hold the topology as text in the JSON. */
function topologyOf(
  json: JsonObject,
  file: string,
  kind: "model" | "checkpoint",
): JsonObject | undefined {
  const text = textAt(json, "modelTopology");
  return text === undefined
    ? objectAt(json, "modelTopology")
    : parseJsonObject(text, "modelTopology", file, kind);
}

function readManifest(
  manifest: Json | undefined,
  fail: (message: string) => TracInError,
): readonly TfjsWeightGroup[] {
  if (!Array.isArray(manifest)) {
    throw fail("The file has no weightsManifest.");
  }
  const names = new Set<string>();
  return manifest.map((group: Json) => {
    const object = isJsonObject(group) ? group : undefined;
    const paths = memberAt(object, "paths");
    const weights = memberAt(object, "weights");
    if (!Array.isArray(paths) || !paths.every(isText) || !Array.isArray(weights)) {
      throw fail("A group of the weightsManifest has no lists of paths and weights.");
    }
    return {
      paths,
      weights: weights.map((entry: Json) => {
        const weight = readWeight(entry, fail);
        if (names.has(weight.name)) {
          throw fail(`The weightsManifest lists the weight "${weight.name}" twice.`);
        }
        names.add(weight.name);
        return weight;
      }),
    };
  });
}

function readWeight(entry: Json, fail: (message: string) => TracInError): TfjsWeight {
  const weight = isJsonObject(entry) ? entry : undefined;
  const name = textAt(weight, "name");
  const shape = memberAt(weight, "shape");
  const dtype = weightTypes.find((type) => type === memberAt(weight, "dtype"));
  if (name === undefined) {
    throw fail("A weight of the weightsManifest has no name.");
  }
  if (!isShape(shape)) {
    throw fail(`The weight "${name}" has the shape ${JSON.stringify(shape)}, which is none.`);
  }
  if (dtype === undefined) {
    throw fail(
      `The weight "${name}" has the type ${JSON.stringify(memberAt(weight, "dtype"))}; read are ${weightTypes.join(", ")}.`,
    );
  }
  const quantization = memberAt(weight, "quantization");
  return {
    name,
    shape,
    dtype,
    ofOptimizer: memberAt(weight, "group") === "optimizer",
    ...(quantization === undefined || quantization === null
      ? {}
      : { quantization: readQuantization(quantization, name, dtype, fail) }),
  };
}

function readQuantization(
  value: Json,
  name: string,
  dtype: TfjsWeight["dtype"],
  fail: (message: string) => TracInError,
): TfjsQuantization {
  const quantization = isJsonObject(value) ? value : undefined;
  const type = memberAt(quantization, "dtype");
  const scale = memberAt(quantization, "scale");
  const min = memberAt(quantization, "min");
  if (type === "float16" && dtype === "float32") {
    return { dtype: type };
  }
  const isInteger = type === "uint8" || type === "uint16";
  if (isInteger && (dtype === "float32" || dtype === "int32")) {
    if (typeof scale !== "number" || typeof min !== "number") {
      throw fail(`The weight "${name}" is quantised, but has no scale and min.`);
    }
    return { dtype: type, scale, min };
  }
  throw fail(
    `The weight "${name}" of ${dtype} is quantised as ${JSON.stringify(type)}, which is not read.`,
  );
}

function isText(value: Json): value is string {
  return typeof value === "string";
}

function isShape(value: Json | undefined): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.length <= 64 &&
    value.every(isCount) &&
    countElements(value as readonly number[]) !== undefined
  );
}
