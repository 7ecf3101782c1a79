import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { memberAt, objectAt, textAt } from "../../../src/core/formats/json.ts";
import { openKeras, readKerasArchitecture } from "../../../src/core/formats/keras.ts";
import { type ExpectedTensor, listOf, numbersOf } from "../checkpoints/expected.ts";

const folder = join(import.meta.dirname, "../golden/keras");

interface Expected {
  readonly tensors: Readonly<Record<string, ExpectedTensor>>;
  readonly architecture?: {
    readonly layers: string[];
    readonly version: string;
    readonly compiled: boolean;
  };
}

const expected: Readonly<Record<string, Expected>> = JSON.parse(
  readFileSync(join(folder, "expected.json"), "utf8"),
);

describe("files written by Keras", () => {
  it.each(Object.entries(expected))("%s holds what h5py reads", async (file, golden) => {
    const keras = await openKeras(join(folder, file), file, "model");
    try {
      const hdf5 = await keras.weights();
      expect([...hdf5.datasets.keys()].sort()).toEqual(Object.keys(golden.tensors).sort());
      for (const [name, tensor] of Object.entries(golden.tensors)) {
        const listed = hdf5.datasets.get(name);
        expect([name, listed?.dtype, listed?.shape]).toEqual([name, tensor.dtype, tensor.shape]);
        expect([name, listOf((await hdf5.read(name)).data)]).toEqual([name, numbersOf(tensor)]);
      }
    } finally {
      await keras.close();
    }
  });

  it.each(
    Object.entries(expected).flatMap(([file, { architecture }]) =>
      architecture ? [[file, architecture] as const] : [],
    ),
  )("%s tells its architecture", async (file, { layers, version, compiled }) => {
    const read = await readKerasArchitecture(join(folder, file), file);
    expect(read.container).toBe(file.endsWith(".keras") ? "keras" : "h5");
    expect(textAt(read.config, "class_name")).toBe("Sequential");
    const listed = memberAt(objectAt(read.config, "config"), "layers");
    const names = Array.isArray(listed)
      ? listed.map((layer) => textAt(objectAt(layer, "config"), "name"))
      : [];
    expect(names).toEqual(expect.arrayContaining(layers));
    expect(read.kerasVersion).toBe(version);
    expect(textAt(read.compile, "loss")).toBe(
      compiled ? "sparse_categorical_crossentropy" : undefined,
    );
  });

  it("says that a file of weights has no architecture", async () => {
    await expect(
      readKerasArchitecture(join(folder, "adam.weights.h5"), "adam.weights.h5"),
    ).rejects.toThrow(/weights, but not the model/);
  });
});
