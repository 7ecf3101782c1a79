import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { encode as encodePng } from "fast-png";
import { describe, expect, it, vi } from "vitest";
import type { Config, SourceConfig } from "../../../src/core/config/config.ts";
import type { InputSpec } from "../../../src/core/datasets/encoder.ts";
import { fitEncoder } from "../../../src/core/datasets/fit.ts";
import { encoderFromState } from "../../../src/core/datasets/fitted-encoder.ts";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { ImageManifest } from "../../../src/core/datasets/readers/image-manifest.ts";
import { closing, errorOf, goldens, workspace } from "./workspace.ts";

function png(width: number, height: number, channels: 1 | 3, first: number): Uint8Array {
  const data = Uint8Array.from(
    { length: width * height * channels },
    (_, index) => (first + index * 7) % 256,
  );
  return encodePng({ width, height, channels, data });
}

async function encodeAll(
  files: Record<string, string | Uint8Array>,
  source: SourceConfig,
  features: Config["features"],
  inputs: readonly InputSpec[],
) {
  const root = await workspace(files);
  const train = await closing(openDataset("train", source, root));
  const fitted = await fitEncoder({
    features,
    loss: { type: "softmax-cross-entropy" },
    inputs,
    train,
    root,
  });
  const encoder = await encoderFromState(JSON.parse(JSON.stringify(fitted.state)), root);
  const { inputs: tensors } = await encoder.encode(train, 0, train.length);
  return { tensors, encoder, train, root };
}

function imageInput(...shape: number[]): InputSpec {
  return { name: "x", dtype: "float32", shape };
}

const manifest = "file,label\nimages/a.png,one\nimages/b.png,two\n";

describe("images", () => {
  const colour = {
    "m.csv": manifest,
    "images/a.png": png(3, 2, 3, 0),
    "images/b.png": png(3, 2, 3, 50),
  };
  const grey = {
    "m.csv": manifest,
    "images/a.png": png(3, 2, 1, 0),
    "images/b.png": png(3, 2, 1, 50),
  };

  it("scales and normalises in 32-bit steps, channels first", async () => {
    const image = { scale: "1/255", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const { tensors } = await encodeAll(colour, { images: "m.csv" }, { x: { image } }, [
      imageInput(3, 2, 3),
    ]);
    const tensor = tensors.get("x");
    expect(tensor?.shape).toEqual([2, 3, 2, 3]);
    const expected = [0, 50].flatMap((first) =>
      [0, 1, 2].flatMap((channel) =>
        Array.from({ length: 6 }, (_, pixel) => {
          const sample = (first + (pixel * 3 + channel) * 7) % 256;
          const shifted = Math.fround(
            Math.fround(sample / 255) - Math.fround(image.mean[channel] ?? 0),
          );
          return Math.fround(shifted / Math.fround(image.std[channel] ?? 1));
        }),
      ),
    );
    expect(Array.from(tensor?.data ?? [], Number)).toEqual(expected);
  });

  it("gives channels last, unscaled, when told so", async () => {
    const features = { x: { image: { layout: "HWC" as const } } };
    const { tensors } = await encodeAll(colour, { images: "m.csv" }, features, [
      imageInput(2, 3, 3),
    ]);
    const first = Array.from({ length: 18 }, (_, index) => index * 7);
    expect(Array.from(tensors.get("x")?.data ?? [], Number).slice(0, 18)).toEqual(first);
  });

  it("converts, resizes and flattens", async () => {
    const golden: {
      height: number;
      width: number;
      newHeight: number;
      newWidth: number;
      channels: 1 | 3;
      pixels: string;
      resized: string;
    }[] = JSON.parse(await readFile(join(goldens, "resizes.json"), "utf8"));
    const one = golden[3];
    if (!one) {
      throw new Error("no golden");
    }
    const data = Uint8Array.from(Buffer.from(one.pixels, "base64"));
    const file = encodePng({ width: one.width, height: one.height, channels: one.channels, data });
    const files = { "m.csv": "file,label\na.png,x\n", "a.png": file };
    const image = {
      size: [one.newHeight, one.newWidth] as [number, number],
      layout: "HWC" as const,
    };
    const { tensors } = await encodeAll(files, { images: "m.csv" }, { x: { image } }, [
      imageInput(one.newHeight * one.newWidth * 3),
    ]);
    expect(tensors.get("x")?.shape).toEqual([1, one.newHeight * one.newWidth * 3]);
    expect(Array.from(tensors.get("x")?.data ?? [], Number)).toEqual(
      Array.from(Buffer.from(one.resized, "base64")),
    );
  });

  it("leaves out the axis of one channel where the model has none", async () => {
    const { tensors } = await encodeAll(grey, { images: "m.csv" }, { x: { image: {} } }, [
      imageInput(2, 3),
    ]);
    expect(tensors.get("x")?.shape).toEqual([2, 2, 3]);
  });

  it("names both shapes when images do not fit", async () => {
    const error = await errorOf(
      encodeAll(colour, { images: "m.csv" }, { x: { image: {} } }, [imageInput(1, 28, 28)]),
    );
    expect(error.message).toBe('The input "x" takes [1, 28, 28] but images give [3, 2, 3].');
  });

  it("names the row of an image with another size", async () => {
    const files = { ...grey, "images/b.png": png(4, 2, 1, 0) };
    const error = await errorOf(
      encodeAll(files, { images: "m.csv" }, { x: { image: {} } }, [imageInput(1, 2, 3)]),
    );
    expect(error.message).toMatch(/is 4 x 2, others are 3 x 2/);
    expect(error.place).toMatchObject({ file: "m.csv", line: 3, row: 1 });
    expect(error.remedy).toContain("size");
  });

  it("names a damaged image", async () => {
    const files = { ...grey, "images/b.png": png(3, 2, 1, 0).subarray(0, 50) };
    const error = await errorOf(
      encodeAll(files, { images: "m.csv" }, { x: { image: {} } }, [imageInput(1, 2, 3)]),
    );
    expect(error).toMatchObject({ kind: "data", place: { file: "images/b.png" } });
  });

  it("decodes the range that is asked for and no more", async () => {
    const { encoder, train } = await encodeAll(grey, { images: "m.csv" }, { x: { image: {} } }, [
      imageInput(1, 2, 3),
    ]);
    const asked = vi.spyOn(ImageManifest.prototype, "imageBytes");
    await encoder.encode(train, 1, 2);
    expect(asked.mock.calls).toEqual([[1]]);
  });

  it.each([
    [{ mean: [0.5, 0.5] }, /2 means or deviations for 1 channels/],
    [{ std: 0 }, /std of 0/],
    [{ scale: "1/0" }, /scale 1\/0 is no number/],
  ])("refuses %j", async (image, message) => {
    const error = await errorOf(
      encodeAll(grey, { images: "m.csv" }, { x: { image } }, [imageInput(1, 2, 3)]),
    );
    expect(error).toMatchObject({ kind: "config" });
    expect(error.message).toMatch(message);
  });
});

describe("token ids", () => {
  const inputs: InputSpec[] = [
    { name: "ids", dtype: "int64", shape: [4] },
    { name: "mask", dtype: "float32", shape: ["length"] },
  ];
  const features = { ids: { tokens: { column: "t", length: 4, pad: 9 } }, mask: { maskOf: "ids" } };

  it("pads and cuts lists, with a mask", async () => {
    const jsonl = ["[5,0]", "[1,2,3,4,5,6]", "[]", "[7]"]
      .map((t) => `{"t":${t},"label":"a"}`)
      .join("\n");
    const { tensors } = await encodeAll(
      { "d.jsonl": jsonl },
      { jsonl: "d.jsonl", target: "label" },
      features,
      inputs,
    );
    const ids = tensors.get("ids");
    expect(ids?.dtype).toBe("int64");
    expect(ids?.shape).toEqual([4, 4]);
    expect(Array.from(ids?.data ?? [], Number)).toEqual([
      5, 0, 9, 9, 1, 2, 3, 4, 9, 9, 9, 9, 7, 9, 9, 9,
    ]);
    expect(tensors.get("mask")?.dtype).toBe("float32");
    expect(Array.from(tensors.get("mask")?.data ?? [], Number)).toEqual([
      1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0,
    ]);
  });

  it("reads lists in the cells of a CSV file", async () => {
    const csv = 't,label\n"[1, 2]",a\n3 4 5,b\n';
    const { tensors } = await encodeAll(
      { "d.csv": csv },
      { csv: "d.csv", target: "label" },
      features,
      inputs,
    );
    expect(Array.from(tensors.get("ids")?.data ?? [], Number)).toEqual([1, 2, 9, 9, 3, 4, 5, 9]);
  });

  it.each([
    ["[1,2.5]", /2\.5 is no integer/],
    ["[-1]", /-1 is no integer/],
    ["[99999999999]", /no integer/],
    ['["a"]', /no integer/],
    ["[true]", /no integer/],
    ['"some text"', /no list of token ids/],
    ["null", /missing/],
  ])("refuses %s", async (t, message) => {
    const jsonl = `{"t":[1],"label":"a"}\n{"t":${t},"label":"a"}`;
    const error = await errorOf(
      encodeAll({ "d.jsonl": jsonl }, { jsonl: "d.jsonl", target: "label" }, features, inputs),
    );
    expect(error.message).toMatch(message);
    expect(error.place).toMatchObject({ file: "d.jsonl", line: 2, column: "t" });
  });
});

describe("arrays", () => {
  it("scales rows, and joins runs of chosen rows", async () => {
    const root = await workspace({});
    await cp(join(goldens, "npy"), root, { recursive: true });
    const source = { npy: { x: "little-f4-F.npy", y: "little-b1-C.npy" }, target: "y" };
    const train = await closing(openDataset("train", source, root));
    const features = { x: { array: "x", scale: "1/4" } };
    const inputs: InputSpec[] = [{ name: "x", dtype: "float32", shape: [3, 2] }];
    const options = { features, inputs, train, root, loss: { type: "mse" } } as const;
    const encoder = await fitEncoder(options);
    const { inputs: tensors, targets } = await encoder.encodeAt(train, [1, 0]);
    expect(Array.from(tensors.get("x")?.data ?? [], Number)).toEqual(
      [9, -1, 4, 4.25, -8, 6, -3, 0.5, 2, 7, 0, 1].map((value) => value / 4),
    );
    expect(targets.shape).toEqual([2, 3, 2]);
    expect(Array.from(targets.data, Number)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1]);
  });
});
