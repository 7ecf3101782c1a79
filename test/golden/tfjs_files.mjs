// Writes the golden TensorFlow.js models of test/unit/golden/tfjs with the real library.
//
//     npm install --prefix FOLDER @tensorflow/tfjs
//     node test/golden/tfjs_files.mjs FOLDER
//
// `expected.json` lists for each model its weights as the library decodes them.
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2] ?? "."), "package.json"));
const tf = require("@tensorflow/tfjs");
await tf.setBackend("cpu");
const folder = join(import.meta.dirname, "../unit/golden/tfjs");
const expected = {};

/** Saves what a model hands over as model.json and shards of at most `shardBytes`. */
async function save(name, { weightData, weightSpecs, ...artifacts }, shardBytes, about = {}) {
  const target = join(folder, name);
  await mkdir(target, { recursive: true });
  const bytes = Buffer.concat([weightData].flat().map((part) => Buffer.from(part)));
  const count = Math.max(1, Math.ceil(bytes.length / shardBytes));
  const paths = Array.from(
    { length: count },
    (_, shard) => `group1-shard${shard + 1}of${count}.bin`,
  );
  for (const [shard, path] of paths.entries()) {
    await writeFile(
      join(target, path),
      bytes.subarray(shard * shardBytes, (shard + 1) * shardBytes),
    );
  }
  const weightsManifest = [{ paths, weights: weightSpecs }];
  await writeFile(join(target, "model.json"), JSON.stringify({ ...artifacts, weightsManifest }));
  const decoded = tf.io.decodeWeights(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
    weightSpecs,
  );
  expected[name] = {
    ...about,
    tensors: Object.fromEntries(
      weightSpecs
        .filter(({ dtype }) => dtype !== "string")
        .map(({ name: weight }) => [
          weight,
          {
            dtype: decoded[weight].dtype,
            shape: decoded[weight].shape,
            values: [...decoded[weight].dataSync()].map(Number),
          },
        ]),
    ),
  };
}

/** What `model.save` gives to a handler. */
async function artifactsOf(model, config) {
  let handed;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      handed = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    }),
    config,
  );
  return handed;
}

/** The seed makes the initial weights the same in every run. */
function network() {
  const initializer = (seed) => tf.initializers.glorotUniform({ seed });
  const model = tf.sequential({ name: "small" });
  model.add(
    tf.layers.dense({
      units: 3,
      inputShape: [4],
      activation: "relu",
      name: "hidden",
      kernelInitializer: initializer(1),
    }),
  );
  model.add(tf.layers.batchNormalization({ name: "norm" }));
  model.add(
    tf.layers.dense({
      units: 2,
      activation: "softmax",
      name: "out",
      kernelInitializer: initializer(2),
    }),
  );
  return model;
}

const model = network();
model.compile({ optimizer: tf.train.adam(0.02), loss: "categoricalCrossentropy" });
const x = tf.randomNormal([12, 4], 0, 1, "float32", 7);
await model.fit(
  x,
  tf.oneHot(
    tf.tensor1d(
      Array.from({ length: 12 }, (_, row) => row % 2),
      "int32",
    ),
    2,
  ),
  { epochs: 2, batchSize: 4, shuffle: false },
);
const trained = await artifactsOf(model, { includeOptimizer: true });
await save("layers", trained, 60);
const bare = network();
await save("bare", await artifactsOf(bare), 4096);

await writeFile(join(folder, "expected.json"), `${JSON.stringify(expected)}\n`);
