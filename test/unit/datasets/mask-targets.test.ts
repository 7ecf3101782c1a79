import { encode as encodePng } from "fast-png";
import { describe, expect, it } from "vitest";
import type { Config, SourceConfig } from "../../../src/core/config/config.ts";
import type { InputSpec } from "../../../src/core/datasets/encoder.ts";
import { type Case, encode, type Files, fitted } from "./target-cases.ts";
import { errorOf } from "./workspace.ts";

describe("masks of images", () => {
  const grey = (...data: number[]) =>
    encodePng({ width: 2, height: 2, channels: 1, data: Uint8Array.from(data) });
  const features: Config["features"] = { x: { image: {} } };
  const inputs: InputSpec[] = [{ name: "x", dtype: "float32", shape: [1, 2, 2] }];
  const manifest: Files = {
    "train.csv": "file,mask\na.png,m/a.png\nb.png,m/b.png\n",
    "a.png": grey(1, 2, 3, 4),
    "b.png": grey(5, 6, 7, 8),
    "m/a.png": grey(0, 1, 2, 255),
    "m/b.png": grey(2, 2, 0, 0),
  };
  const source: SourceConfig = { images: "train.csv", target: { mask: "mask" } };
  const base: Case = { files: manifest, source, features, inputs, loss: { ignoreIndex: 255 } };

  it("hold classes by their stored number; the text is the file", async () => {
    expect(await encode({ ...base, output: ["batch", 3, 2, 2] })).toMatchObject({
      labels: undefined,
      dtype: "int32",
      shape: [2, 2, 2],
      values: [0, 1, 2, -1, 2, 2, 0, 0],
      texts: ["m/a.png", "m/b.png"],
    });
  });

  it("show how many classes there are where nothing else does", async () => {
    const { encoder } = await fitted(base);
    expect(encoder.state).toMatchObject({ target: { classes: 3 } });
  });

  it("are resized to the size of the logits", async () => {
    const small: SourceConfig = { images: "train.csv", target: { mask: "mask", size: [1, 2] } };
    const found = await encode({ ...base, source: small, output: ["batch", 3, 1, 2] });
    expect(found.shape).toEqual([2, 1, 2]);
    expect(found.values).toEqual([2, -1, 0, 0]);
  });

  it("may be on and off, written as 1 or 255", async () => {
    const files = { ...manifest, "m/a.png": grey(0, 255, 1, 7) };
    const found = await encode({
      ...base,
      files: { ...files, "m/b.png": grey(0, 0, 0, 0) },
      loss: { type: "sigmoid-cross-entropy", ignoreIndex: 7 },
      output: ["batch", 1, 2, 2],
    });
    expect(found.values).toEqual([0, 1, 1, 0, 0, 0, 0, 0]);
    expect(found.mask).toEqual([1, 1, 1, 0, 1, 1, 1, 1]);
  });

  it("lie in a folder beside the images, in subfolders or not", async () => {
    const files = {
      "img/a.png": grey(1, 2, 3, 4),
      "img/sub/b.png": grey(1, 2, 3, 4),
      "img/sub/c.png": grey(1, 2, 3, 4),
      "m/a.png": grey(0, 0, 0, 1),
      "m/sub/b.png": grey(1, 0, 0, 0),
      "m/c.png": grey(1, 1, 0, 0),
    };
    const inFolder: SourceConfig = { images: "img", target: { masks: "m" } };
    const found = await encode({ ...base, files, source: inFolder });
    expect(found.texts).toEqual(["m/a.png", "m/sub/b.png", "m/c.png"]);
    expect(found.values).toEqual([0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0]);
  });

  it.each<[string, Partial<Case>, RegExp, object]>([
    [
      "a class out of range",
      { loss: {}, output: ["batch", 3, 2, 2] },
      /The target m\/a.png holds 255 at row 1, column 1, which is not a class from 0 to 2/,
      { file: "train.csv", line: 2 },
    ],
    [
      "a value that is not told",
      { source: { images: "train.csv", target: { mask: "mask", values: [0, 2] } } },
      /m\/a.png holds 1 at row 0, column 1, which is not one of 0, 2/,
      { file: "train.csv", line: 2 },
    ],
    [
      "a mask that is not there",
      { files: { ...manifest, "train.csv": "file,mask\na.png,m/none.png\n" } },
      /m\/none.png" does not exist/,
      { file: "train.csv", line: 2, column: "mask" },
    ],
    [
      "a mask outside of the workspace",
      { files: { ...manifest, "train.csv": "file,mask\na.png,../../m.png\n" } },
      /lies outside of the workspace/,
      { file: "train.csv", line: 2 },
    ],
    [
      "colours",
      {
        files: {
          ...manifest,
          "m/a.png": encodePng({
            width: 1,
            height: 1,
            channels: 3,
            data: Uint8Array.from([1, 2, 3]),
          }),
        },
      },
      /colours instead of the numbers of classes/,
      { file: "m/a.png" },
    ],
    [
      "an image without a mask in the folder",
      {
        source: { images: "a", target: { masks: "m" } },
        files: { ...manifest, "a/z.png": grey(0, 0, 0, 0) },
      },
      /has no mask: m\/z.png does not exist/,
      { file: "a/z.png" },
    ],
    [
      "masks for a regression",
      { loss: { type: "mse" } },
      /Masks hold classes, which the loss "mse" does not take/,
      {},
    ],
  ])("refuses %s", async (_, more, message, place) => {
    const error = await errorOf(encode({ ...base, ...more }));
    expect(error.message).toMatch(message);
    expect(error.place).toMatchObject(place);
  });
});
