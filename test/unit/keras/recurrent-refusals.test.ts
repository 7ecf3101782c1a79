import { describe, expect, test } from "vitest";
import { TracInError } from "../../../src/core/errors.ts";
import type { Json, JsonObject } from "../../../src/core/formats/json.ts";
import { importKeras } from "../../../src/core/models/keras/import.ts";

const input = (shape: readonly (number | null)[], dtype = "float32") => ({
  class_name: "InputLayer",
  config: { name: "x", batch_shape: [null, ...shape], dtype },
});
const layer = (className: string, config: JsonObject = {}) => ({
  class_name: className,
  config: { name: className.toLowerCase(), ...config },
});
const lstm = { units: 3, activation: "tanh", recurrent_activation: "sigmoid" };

function describeImport(...layers: readonly Json[]): string {
  const model = { class_name: "Sequential", config: { name: "s", layers } };
  try {
    importKeras({ model, version: "3.15.1" }, "model.keras");
  } catch (error) {
    return TracInError.from(error).describe();
  }
  return "";
}

describe("what recurrent and attention layers do not do is refused by name", () => {
  const sequences = input([4, 2]);
  test.each([
    [
      "a state that goes over batches",
      [sequences, layer("LSTM", { ...lstm, stateful: true })],
      ["stateful", "lstm (LSTM)", "stateful=False"],
    ],
    [
      "time before the batch",
      [sequences, layer("GRU", { ...lstm, time_major: true })],
      ["time_major", "gru (GRU)"],
    ],
    [
      "an activation over a whole axis in a cell",
      [sequences, layer("LSTM", { ...lstm, activation: "softmax" })],
      ["softmax", "lstm (LSTM)"],
    ],
    [
      "a setting that is not known",
      [sequences, layer("LSTM", { ...lstm, peephole: 1 })],
      ["peephole", "lstm (LSTM)"],
    ],
    [
      "a cell that is not known",
      [sequences, layer("RNN", { cell: layer("MinimalCell", { units: 3 }) })],
      ['"MinimalCell"', "LSTMCell"],
    ],
    [
      "a layer that has no direction",
      [sequences, layer("Bidirectional", { layer: layer("Dense", { units: 3 }) })],
      ['"Dense"', "both directions", "bidirectional (Bidirectional)"],
    ],
    [
      "both layers in one direction",
      [
        sequences,
        layer("Bidirectional", { layer: layer("LSTM", lstm), backward_layer: layer("LSTM", lstm) }),
      ],
      ["same way", "bidirectional (Bidirectional)"],
    ],
    [
      "features of an open size",
      [input([4, null]), layer("LSTM", lstm)],
      ["[?, 4, ?]", "fixed number of features"],
    ],
    [
      "low-rank updates of a table",
      [input([4], "int32"), layer("Embedding", { input_dim: 5, output_dim: 2, lora_rank: 2 })],
      ["LoRA", "embedding (Embedding)"],
    ],
    [
      "the mask of sequences of sequences in a recurrent layer",
      [
        input([2, 3], "int32"),
        layer("Embedding", { input_dim: 5, output_dim: 2, mask_zero: true }),
        layer("TimeDistributed", { layer: layer("LSTM", lstm) }),
        layer("GRU", { ...lstm, reset_after: true }),
      ],
      ["3 axes", "gru (GRU)"],
    ],
    [
      "images of an open size",
      [
        input([4, null, 3, 1]),
        layer("ConvLSTM2D", { filters: 2, kernel_size: [2, 2], activation: "tanh" }),
      ],
      ["images over time", "convlstm2d (ConvLSTM2D)"],
    ],
  ])("%s", (_, layers, parts) => {
    const message = describeImport(...layers);
    for (const part of parts) {
      expect(message).toContain(part);
    }
  });
});

describe("sizes of the data", () => {
  const model = importKeras(
    {
      model: {
        class_name: "Sequential",
        config: { name: "s", layers: [input([null, 2]), layer("LSTM", lstm)] },
      },
      version: "3.15.1",
    },
    "model.keras",
  );

  test("an open number of steps is that of the data", () => {
    const sized = model.sized?.(new Map([["x", [2, 7, 2]]]));
    const products = (graph = model.graph) =>
      graph.nodes.filter(({ op }) => op === "MatMul").length;
    expect(sized?.weights).toEqual(model.weights);
    expect(sized?.graph.inputs).toEqual([{ name: "x", dtype: "float32", shape: ["batch", 7, 2] }]);
    expect(sized?.graph.outputs).toEqual(model.graph.outputs);
    // One for the inputs of all steps, and one for the state before each step but the first.
    expect(products(sized?.graph)).toBe(7);
    expect(sized?.sized).toBeUndefined();
  });

  test("data with another number of axes leaves them open, to be refused where it is fed", () => {
    const sized = model.sized?.(new Map([["x", [2, 7]]]));
    expect(sized?.graph.inputs[0]?.shape).toEqual(["batch", "x.1", 2]);
  });
});
