import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openHdf5 } from "../../../src/core/formats/hdf5.ts";
import { memberAt, objectAt, textAt } from "../../../src/core/formats/json.ts";
import { openKerasWeights, readKerasArchitecture } from "../../../src/core/formats/keras.ts";

const folder = join(import.meta.dirname, "../golden/keras");

interface Expected {
  readonly tensors: Readonly<
    Record<string, { dtype: string; shape: number[]; values: (number | string | boolean)[] }>
  >;
  readonly architecture?: { layers: string[]; version: string; compiled?: boolean };
}

const expected: Readonly<Record<string, Expected>> = JSON.parse(
  readFileSync(join(folder, "expected.json"), "utf8"),
);

function toNumber(value: number | string | boolean): number {
  return typeof value === "string" ? Number(value.replace("inf", "Infinity")) : Number(value);
}

describe("files written by Keras", () => {
  it.each(Object.entries(expected))("%s holds what h5py reads", async (file, golden) => {
    const path = join(folder, file);
    const hdf5 = file.endsWith(".keras")
      ? await openKerasWeights(path, file)
      : await openHdf5(path, file, "checkpoint");
    try {
      expect([...hdf5.datasets.keys()].sort()).toEqual(Object.keys(golden.tensors).sort());
      for (const [name, { dtype, shape, values }] of Object.entries(golden.tensors)) {
        const listed = hdf5.datasets.get(name);
        expect([name, listed?.dtype, listed?.shape]).toEqual([name, dtype, shape]);
        const { data } = await hdf5.read(name);
        expect([name, Array.from<number | bigint, number>(data, Number)]).toEqual([
          name,
          values.map(toNumber),
        ]);
      }
    } finally {
      await hdf5.close();
    }
  });

  it.each(Object.entries(expected).filter(([, { architecture }]) => architecture))(
    "%s tells its architecture",
    async (file, { architecture }) => {
      const read = await readKerasArchitecture(join(folder, file), file);
      expect(read.container).toBe(file.endsWith(".keras") ? "keras" : "h5");
      expect(textAt(read.config, "class_name")).toBe("Sequential");
      const layers = memberAt(objectAt(read.config, "config"), "layers");
      const names = Array.isArray(layers)
        ? layers.map((layer) => textAt(objectAt(layer, "config"), "name"))
        : [];
      expect(names).toEqual(expect.arrayContaining(architecture?.layers ?? []));
      expect(read.kerasVersion).toBe(architecture?.version);
      expect(textAt(read.compile, "loss")).toBe(
        architecture?.compiled === false ? undefined : "sparse_categorical_crossentropy",
      );
    },
  );

  it("says that a file of weights has no architecture", async () => {
    await expect(
      readKerasArchitecture(join(folder, "adam.weights.h5"), "adam.weights.h5"),
    ).rejects.toThrow(/weights, but not the model/);
  });
});
