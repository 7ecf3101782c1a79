// Writes the golden TensorFlow.js models of test/unit/golden/tfjs with the real library.
//
//     npm install --prefix FOLDER @tensorflow/tfjs
//     node test/golden/tfjs_files.mjs FOLDER
//
// `expected.json` lists for each model its weights as the library decodes them, those of tfjs_converted.py included.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2] ?? "."), "package.json"));
const tf = require("@tensorflow/tfjs");
await tf.setBackend("cpu");
const folder = join(import.meta.dirname, "../unit/golden/tfjs");
const expected = {};

/** Saves what a model hands over as model.json and shards of at most `shardBytes`. */
async function save(name, { weightData, weightSpecs, ...artifacts }, shardBytes) {
  const target = join(folder, name);
  await mkdir(target, { recursive: true });
  const bytes = Buffer.concat([weightData].flat().map((part) => Buffer.from(part)));
  const count = Math.max(1, Math.ceil(bytes.length / shardBytes));
  const paths = Array.from(
    { length: count },
    (_, index) => `group1-shard${index + 1}of${count}.bin`,
  );
  for (const [shard, path] of paths.entries()) {
    const start = shard * shardBytes;
    await writeFile(join(target, path), bytes.subarray(start, start + shardBytes));
  }
  const weightsManifest = [{ paths, weights: weightSpecs }];
  await writeFile(join(target, "model.json"), JSON.stringify({ ...artifacts, weightsManifest }));
}

/** The weights of a saved model as the library decodes them. */
async function decode(name) {
  const { weightsManifest } = JSON.parse(await readFile(join(folder, name, "model.json"), "utf8"));
  const tensors = {};
  for (const { paths, weights } of weightsManifest) {
    const parts = await Promise.all(paths.map((path) => readFile(join(folder, name, path))));
    const decoded = tf.io.decodeWeights(Uint8Array.from(Buffer.concat(parts)).buffer, weights);
    for (const { name: weight, group } of weights) {
      const { dtype, shape } = decoded[weight];
      if (dtype !== "string" && group !== "optimizer") {
        tensors[weight] = { dtype, shape, values: [...decoded[weight].dataSync()].map(Number) };
      }
    }
  }
  return { tensors };
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

for (const entry of await readdir(folder, { withFileTypes: true })) {
  if (entry.isDirectory()) {
    expected[entry.name] = await decode(entry.name);
  }
}
await writeFile(join(folder, "expected.json"), `${JSON.stringify(expected)}\n`);
