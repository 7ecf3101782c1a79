import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { memberAt, objectAt, textAt } from "../../../src/core/formats/json.ts";
import { readTfjsModel } from "../../../src/core/formats/tfjs.ts";

const folder = join(import.meta.dirname, "../golden/tfjs");

describe("model.json written by TensorFlow.js", () => {
  it("tells the architecture, the training and where the weights lie", async () => {
    const model = await readTfjsModel(join(folder, "layers/model.json"), "model.json", "model");
    expect(model.format).toBe("layers-model");
    expect(textAt(model.config, "class_name")).toBe("Sequential");
    const layers = memberAt(objectAt(model.config, "config"), "layers");
    expect(Array.isArray(layers) && layers.map((layer) => textAt(layer, "class_name"))).toEqual([
      "Dense",
      "BatchNormalization",
      "Dense",
    ]);
    expect(textAt(model.compile, "loss")).toBe("categorical_crossentropy");
    expect(model.weights[0]?.weights[0]).toEqual({
      name: "hidden/kernel",
      shape: [4, 3],
      dtype: "float32",
      ofOptimizer: false,
    });
    expect(model.weights[0]?.weights.at(-1)?.ofOptimizer).toBe(true);
  });
});
