import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { SourceConfig } from "../../../src/core/config/config.ts";
import { detectWorkspace } from "../../../src/core/config/detect.ts";
import { arrayFeature } from "../../../src/core/datasets/features/array.ts";
import { Batch } from "../../../src/core/datasets/features/batch.ts";
import { fitEncoder } from "../../../src/core/datasets/fit.ts";
import { decodePng } from "../../../src/core/datasets/images/png.ts";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { previewExample } from "../../../src/core/datasets/preview.ts";
import { npy } from "../support/files.ts";
import { expected, goldens, open } from "./goldens.ts";
import { errorOf, workspace } from "./workspace.ts";

describe("NPZ", () => {
  it.each(["stored.npz", "packed.npz"])("%s holds several datasets", async (npz) => {
    for (const part of ["train", "test"]) {
      const fields = { x: `x_${part}`, y: `y_${part}` };
      const dataset = await open({ npz, fields, target: "y" });
      for (const [field, name] of Object.entries(fields)) {
        const { shape, values } = expected.npz[name] ?? { shape: [], values: [] };
        const all = await dataset.array?.(field, 0, dataset.length);
        expect(all?.shape).toEqual(shape);
        expect([...(all?.data ?? [])]).toEqual(values);
      }
      expect(dataset.locator(3)).toMatchObject({ file: npz, line: 3, lineCount: 0 });
    }
  });

  it("refuses an array that is not there, and arrays of different lengths", async () => {
    const missing = await errorOf(
      open({ npz: "stored.npz", fields: { x: "nothing" }, target: "x" }),
    );
    expect(missing).toMatchObject({ kind: "data", place: { file: "stored.npz", column: "x" } });
    expect(missing.message).toMatch(/no array "nothing"; it has "x_train"/);
    const lengths = await errorOf(
      open({ npz: "stored.npz", fields: { x: "x_train", y: "y_test" }, target: "y" }),
    );
    expect(lengths.message).toMatch(/4 examples, but "x" has 9/);
  });

  it.each(["stored.npz", "packed.npz"])("refuses %s cut off or with lying sizes", async (npz) => {
    const whole = await readFile(join(goldens, npz));
    const root = await workspace({});
    for (let turn = 0; turn < 40; turn++) {
      const at = Math.floor((turn / 40) * whole.length);
      await writeFile(join(root, "bad.npz"), whole.subarray(0, at));
      const error = await errorOf(
        open({ npz: "bad.npz", fields: { x: "x_train" }, target: "x" }, root),
      );
      expect(error).toMatchObject({ kind: "data", place: { file: "bad.npz" } });
    }
    // The shape of the first array: more rows than there are bytes for.
    const lying = Buffer.from(whole);
    const shape = lying.indexOf("(9, 6, 5)");
    if (npz === "stored.npz") {
      lying.write("(9, 9, 9)", shape);
      await writeFile(join(root, "bad.npz"), lying);
      const error = await errorOf(
        open({ npz: "bad.npz", fields: { x: "x_train" }, target: "x" }, root),
      );
      expect(error.message).toMatch(/promises 729 bytes of data, but the file holds 270/);
    }
  });
});

describe("IDX", () => {
  it.each(Object.keys(expected.idx))("reads %s", async (code) => {
    const dataset = await open({ idx: { x: `${code}.idx` }, target: "x" });
    const all = await dataset.array?.("x", 0, 3);
    expect(all?.shape).toEqual([3, 2, 2]);
    expect([...(all?.data ?? [])]).toEqual(expected.idx[code]);
  });

  it.each(["", ".gz"])("reads images and labels of MNIST's files%s", async (ending) => {
    const idx = {
      x: `train-images-idx3-ubyte${ending}`,
      y: `train-labels-idx1-ubyte${ending}`,
    };
    const dataset = await open({ idx, target: "y" });
    expect([...((await dataset.array?.("x", 0, 9))?.data ?? [])]).toEqual(
      expected.npz["x_train"]?.values,
    );
    expect([...((await dataset.array?.("y", 0, 9))?.data ?? [])]).toEqual(
      expected.npz["y_train"]?.values,
    );
  });

  it("refuses what is cut off, claims too much, or is no IDX file", async () => {
    const whole = await readFile(join(goldens, "train-images-idx3-ubyte"));
    const lying = Buffer.from(whole);
    lying.writeUInt32BE(0xffffffff, 4);
    const cases: [Uint8Array, RegExp][] = [
      [whole.subarray(0, 3), /does not begin as an IDX file/],
      [whole.subarray(0, 10), /header is longer than the file/],
      [whole.subarray(0, 100), /promises 270 bytes of data .* holds 84/],
      [lying, /promises 128849018850 bytes/],
      [Buffer.from([0, 0, 8, 255, 0, 0, 0, 1]), /header is longer than the file/],
      [Buffer.from([0, 0, 7, 1, 0, 0, 0, 1, 1]), /does not begin as an IDX file/],
      [gzipSync(whole).subarray(0, 60), /cannot be unpacked as gzip/],
    ];
    for (const [bytes, message] of cases) {
      const root = await workspace({ "bad.idx": bytes });
      const error = await errorOf(open({ idx: { x: "bad.idx" }, target: "x" }, root));
      expect(error).toMatchObject({ kind: "data", place: { file: "bad.idx" } });
      expect(error.message).toMatch(message);
    }
  });
});

describe("images in arrays", () => {
  const labelled = (field: string): SourceConfig => ({
    npz: "packed.npz",
    fields: { x: field, y: "y_train" },
    target: "y",
  });

  it.each(["x_train", "planar"])("%s: samples and previews", async (field) => {
    const dataset = await open(labelled(field));
    const { shape = [], values = [] } = expected.npz[field] ?? {};
    const channels = shape.length === 4 ? 3 : 1;
    for (const index of [0, 8]) {
      const row = values.slice(index * 30 * channels, (index + 1) * 30 * channels);
      // [channels, pixels] becomes [pixels, channels].
      const samples = Array.from(
        { length: 30 * channels },
        (_, at) => row[(at % channels) * 30 + Math.floor(at / channels)],
      );
      const image = await dataset.samples?.(index);
      expect(image).toMatchObject({ height: 6, width: 5, channels });
      expect([...(image?.data ?? [])]).toEqual(samples);
      const preview = await previewExample(dataset, index);
      expect(preview.kind).toBe("image");
      const shown = preview.kind === "image" ? decodePng(preview.bytes) : undefined;
      expect([...(shown?.data ?? [])]).toEqual(samples);
    }
  });

  it("numbers from 0 to 1 are shown, but are no samples for the image feature", async () => {
    const dataset = await open(labelled("unit"));
    const preview = await previewExample(dataset, 1);
    const shown = preview.kind === "image" ? decodePng(preview.bytes) : undefined;
    expect([...(shown?.data ?? [])]).toEqual(
      expected.npz["unit"]?.values.slice(64, 128).map((value) => Math.round(value * 255)),
    );
    const error = await errorOf(dataset.samples?.(0) ?? Promise.resolve());
    expect(error.remedy).toMatch(/feature "array"/);
  });

  it("refuses a named field that holds no images", async () => {
    const error = await errorOf(open({ npz: "packed.npz", fields: { x: "y_train" }, image: "x" }));
    expect(error).toMatchObject({ kind: "config", place: { column: "x" } });
  });
});

/** The digits sample's first images, as MNIST's files. */
async function digitsAsIdx(count: number): Promise<string> {
  const sample = fileURLToPath(new URL("../../../samples/digits/", import.meta.url));
  const png = await openDataset("train", { images: "train/labels.csv" }, sample);
  const images = Buffer.alloc(16 + count * 784);
  const labels = Buffer.alloc(8 + count);
  images.set([0, 0, 8, 3]);
  labels.set([0, 0, 8, 1]);
  for (const [at, size] of [count, 28, 28].entries()) {
    images.writeUInt32BE(size, 4 + at * 4);
  }
  labels.writeUInt32BE(count, 4);
  for (const { index, fields } of await png.read(0, count)) {
    const bytes = await png.imageBytes?.(index);
    images.set(decodePng(bytes ?? new Uint8Array()).data, 16 + index * 784);
    labels[8 + index] = Number(fields["label"]);
  }
  await png.close();
  const root = await workspace({
    "data/train-images-idx3-ubyte.gz": gzipSync(images),
    "data/train-labels-idx1-ubyte.gz": gzipSync(labels),
    "data/t10k-images-idx3-ubyte": images,
    "data/t10k-labels-idx1-ubyte": labels,
    "model.onnx": await readFile(join(sample, "cnn/model.onnx")),
  });
  return root;
}

describe("MNIST's files in a workspace", () => {
  it("are encoded as the same images in PNG files", async () => {
    const root = await digitsAsIdx(60);
    const sample = fileURLToPath(new URL("../../../samples/digits/", import.meta.url));
    const idx = {
      x: "data/train-images-idx3-ubyte.gz",
      y: "data/train-labels-idx1-ubyte.gz",
    };
    const sources: [SourceConfig, string][] = [
      [{ idx, target: "y" }, root],
      [{ images: "train/labels.csv" }, sample],
    ];
    const batches = [];
    for (const [source, folder] of sources) {
      const train = await open(source, folder);
      const encoder = await fitEncoder({
        features: {
          image: {
            image: { size: [14, 14], channels: 1, scale: "1/255", mean: 0.1307, std: 0.3081 },
          },
        },
        loss: { type: "softmax-cross-entropy" },
        labels: Array.from({ length: 10 }, (_, label) => String(label)),
        target: "target" in source ? source.target : undefined,
        output: ["batch", 10],
        inputs: [{ name: "image", dtype: "float32", shape: [1, 14, 14] }],
        train,
        root: folder,
      });
      const { inputs, targets } = await encoder.encode(train, 0, 60);
      batches.push({ inputs, targets });
    }
    expect(batches[0]).toEqual(batches[1]);
  });

  it("are found by Set Up Workspace", async () => {
    const { proposal, candidates } = await detectWorkspace(await digitsAsIdx(60));
    expect(candidates.datasets.map(({ path }) => path)).toEqual([
      "data/t10k-images-idx3-ubyte",
      "data/train-images-idx3-ubyte.gz",
    ]);
    expect(proposal.data).toEqual({
      train: {
        idx: { x: "data/train-images-idx3-ubyte.gz", y: "data/train-labels-idx1-ubyte.gz" },
        target: "y",
      },
      test: {
        idx: { x: "data/t10k-images-idx3-ubyte", y: "data/t10k-labels-idx1-ubyte" },
        target: "y",
      },
    });
    expect(proposal.features).toMatchObject({ image: { image: { size: [28, 28], channels: 1 } } });
  });

  it("so are the archives of Keras and the Parquet files of Hugging Face", async () => {
    const sample = fileURLToPath(new URL("../../../samples/digits/", import.meta.url));
    const parquet = await readFile(join(goldens, "images.parquet"));
    const root = await workspace({
      "model.onnx": await readFile(join(sample, "cnn/model.onnx")),
      "mnist.npz": await readFile(join(goldens, "packed.npz")),
      "data/train-00000-of-00002.parquet": parquet,
      "data/train-00001-of-00002.parquet": parquet,
      "data/test-00000-of-00001.parquet": parquet,
    });
    const { candidates } = await detectWorkspace(root);
    expect(candidates.datasets).toEqual([
      { path: "data/test-00000-of-00001.parquet", columns: ["image", "label"] },
      { path: "data/train-00000-of-00002.parquet", columns: ["image", "label"] },
      { path: "mnist.npz: x_train", columns: ["x", "y"] },
      { path: "mnist.npz: x_test", columns: ["x", "y"] },
    ]);
    const parts = await detectWorkspace(root, { train: "data/train-00000-of-00002.parquet" });
    expect(parts.proposal.data?.["train"]).toEqual({
      parquet: ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
      target: "label",
    });
    const arrays = await detectWorkspace(root, { train: "mnist.npz: x_train" });
    expect(arrays.proposal.data).toEqual({
      train: { npz: "mnist.npz", fields: { x: "x_train", y: "y_train" }, target: "y" },
      test: { npz: "mnist.npz", fields: { x: "x_test", y: "y_test" }, target: "y" },
    });
  });
});

describe("numbers of an array", () => {
  /** Two examples of seven numbers, as the feature reads them. */
  const encoded = async (values: readonly number[]) => {
    const root = await workspace({ "x.npy": npy([2, 7], Float32Array.from(values)) });
    const dataset = await open({ npy: { x: "x.npy" }, target: "x" }, root);
    const feature = arrayFeature({ kind: "array", field: "x", shape: [7], scale: 1 });
    return feature.encode(Batch.range(dataset, 0, 2));
  };
  const finite = [3e38, -3e38, -0, 1e-45, 0, 1, -1, 3e38, 3e38, 2, -2, 0.5, 7, 8];

  it("are taken as they are, the largest and smallest too", async () => {
    expect(await encoded(finite)).toMatchObject({ values: Float32Array.from(finite) });
  });

  it.each(finite.map((_, place) => place))("are finite, number %i too", async (place) => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const error = await errorOf(encoded(finite.with(place, wrong)));
      expect(error.message).toContain(`holds ${wrong} at position ${place % 7} of the example`);
    }
  });
});
