import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/core/checkpoints/checkpoint.ts";
import { matchCheckpoint, matchCheckpoints } from "../../../src/core/checkpoints/match.ts";
import { TracInError } from "../../../src/core/errors.ts";
import type { DataType, Shape } from "../../../src/core/graph/tensor.ts";
import type { Model, ModelWeight } from "../../../src/core/models/model.ts";

const shapes: Readonly<Record<string, Shape>> = {
  "fc1.weight": [3, 4],
  "fc1.bias": [3],
  "fc2.weight": [2, 3],
  "fc2.bias": [2],
};

function model(
  weights: Readonly<Record<string, Shape>>,
  roles: Record<string, ModelWeight["role"]> = {},
): Model {
  return {
    file: "model.onnx",
    graph: { inputs: [], outputs: [], nodes: [], initializers: new Map(), opset: 18 },
    weights: Object.entries(weights).map(([name, shape]) => ({
      name,
      shape,
      role: roles[name] ?? "parameter",
    })),
    recorded: false,
    paddingRows: new Map(),
  };
}

function checkpoint(
  tensors: Readonly<Record<string, Shape>>,
  dtype: DataType = "float32",
): Checkpoint {
  return {
    file: "epoch-1.pt",
    format: "pytorch",
    tensors: new Map(
      Object.entries(tensors).map(([name, shape]) => [name, { name, dtype, shape }]),
    ),
    learningRates: [],
    read: () => Promise.reject(new Error("not read here")),
    close: async () => {},
  };
}

function prefixed(prefix: string, tensors = shapes): Record<string, Shape> {
  return Object.fromEntries(Object.entries(tensors).map(([name, shape]) => [prefix + name, shape]));
}

function failure(work: () => unknown): TracInError {
  try {
    work();
  } catch (error) {
    if (error instanceof TracInError) {
      return error;
    }
    throw error;
  }
  throw new Error("no error was thrown");
}

describe("names of checkpoint tensors", () => {
  it.each(["", "module.", "model.", "_orig_mod.", "network.", "module.model.encoder."])(
    'the prefix "%s" is found',
    (prefix) => {
      const match = matchCheckpoint(model(shapes), checkpoint(prefixed(prefix)));
      expect(match.names.get("fc2.bias")).toBe(`${prefix}fc2.bias`);
      expect([match.names.size, match.surplus, match.constants]).toEqual([4, [], []]);
    },
  );

  it("looks through what torch.compile puts into the middle of names", () => {
    const match = matchCheckpoint(model(shapes), checkpoint(prefixed("model._orig_mod.")));
    expect(match.names.get("fc1.weight")).toBe("model._orig_mod.fc1.weight");
  });

  it("drops a wrapper of the exported model that the checkpoint lacks", () => {
    const match = matchCheckpoint(
      model(prefixed("model.backbone.")),
      checkpoint(prefixed("module.backbone.")),
    );
    expect(match.names.get("model.backbone.fc1.bias")).toBe("module.backbone.fc1.bias");
  });

  it("prefers the model over its moving average, and takes the average when it is configured", () => {
    const both = checkpoint({ ...prefixed(""), ...prefixed("ema.") });
    expect(matchCheckpoint(model(shapes), both).prefix).toBe("");
    const match = matchCheckpoint(model(shapes), both, { prefix: "ema." });
    expect(match.names.get("fc1.bias")).toBe("ema.fc1.bias");
    expect(match.surplus).toEqual(Object.keys(shapes));
  });

  it("takes the set whose shapes fit where two sets have the names", () => {
    const other = prefixed("teacher.", { ...shapes, "fc1.weight": [9, 4], "fc1.bias": [9] });
    const match = matchCheckpoint(model(shapes), checkpoint({ ...other, ...prefixed("student.") }));
    expect(match.prefix).toBe("student.");
  });

  it("lists surplus tensors and leaves batch counters out", () => {
    const match = matchCheckpoint(
      model(shapes),
      checkpoint({ ...shapes, "head.weight": [5], "norm.num_batches_tracked": [] }),
    );
    expect(match.surplus).toEqual(["head.weight"]);
  });

  it("follows buffers and skips constants of the graph", () => {
    const match = matchCheckpoint(
      model(
        { ...shapes, "bn.running_mean": [3], "/Constant_output_0": [] },
        {
          "bn.running_mean": "buffer",
          "/Constant_output_0": "constant",
        },
      ),
      checkpoint({ ...shapes, "bn.running_mean": [3] }),
    );
    expect(match.names.get("bn.running_mean")).toBe("bn.running_mean");
    expect(match.names.has("/Constant_output_0")).toBe(false);
  });
});

describe("tensors that do not fit", () => {
  it("a missing tensor is named with its shape, the file and what is unused", () => {
    const { "fc2.bias": _, ...rest } = shapes;
    const error = failure(() =>
      matchCheckpoint(model(shapes), checkpoint({ ...rest, "fc2.offset": [2] })),
    );
    expect(error.kind).toBe("checkpoint");
    expect(error.place).toEqual({ file: "epoch-1.pt", tensor: "fc2.bias" });
    expect(error.describe()).toMatch(/"fc2\.bias" of shape \[2\].*Unused.*"fc2\.offset"/);
  });

  it("another shape names both shapes and the file", () => {
    const error = failure(() =>
      matchCheckpoint(model(shapes), checkpoint({ ...shapes, "fc1.weight": [4, 3] })),
    );
    expect(error.place).toEqual({ file: "epoch-1.pt", tensor: "fc1.weight" });
    expect(error.message).toMatch(/\[4, 3\].*\[3, 4\]/);
  });

  it("an unrelated checkpoint says that nothing fits", () => {
    const error = failure(() => matchCheckpoint(model(shapes), checkpoint({ "conv.kernel": [1] })));
    expect(error.message).toMatch(/No tensor of the checkpoint fits.*"conv\.kernel"/);
  });

  it("a configured prefix that fits nothing says so", () => {
    const error = failure(() =>
      matchCheckpoint(model(shapes), checkpoint(shapes), { prefix: "wrong." }),
    );
    expect(error.describe()).toMatch(/"wrong\.".*checkpoints\.prefix/);
  });

  it("integer weights are refused", () => {
    const error = failure(() => matchCheckpoint(model(shapes), checkpoint(shapes, "int8")));
    expect(error.message).toMatch(/int8/);
  });
});

describe("weights that no checkpoint holds", () => {
  it("an exporter's number stays with the model file", () => {
    const match = matchCheckpoint(model({ ...shapes, "onnx::Mul_7": [] }), checkpoint(shapes));
    expect(match.constants).toEqual(["onnx::Mul_7"]);
  });

  it("an exporter's number is an error when the checkpoint has a number that the model lacks", () => {
    const error = failure(() =>
      matchCheckpoint(
        model({ ...shapes, "onnx::Mul_7": [1] }),
        checkpoint({ ...shapes, temperature: [] }),
      ),
    );
    expect(error.describe()).toMatch(/"onnx::Mul_7".*"temperature"/);
  });

  it.each(["onnx::Add_7", "/Slice_output_0", "val_3"])(
    "what the exporter computed is an error, whether or not weights are left over: %s",
    (name) => {
      // Rows of a table that the checkpoint holds whole, or a second use of a weight.
      const grown = model({ ...shapes, [name]: [3] });
      for (const tensors of [shapes, { ...shapes, table: [9] }]) {
        const error = failure(() => matchCheckpoint(grown, checkpoint(tensors)));
        expect(error.place.tensor).toBe(name);
        expect(error.describe()).toMatch(/computed it from others.*Export PyTorch Model/);
      }
      const optional = (other: string) => other === name;
      expect(matchCheckpoint(grown, checkpoint(shapes), { optional }).constants).toEqual([name]);
    },
  );

  describe("running statistics that the model does not use", () => {
    const norm = { "norm.running_mean": [3], "norm.running_var": [3] };

    it.each(["", "module.", "model.net."])(
      'are an error beside used weights, prefix "%s"',
      (prefix) => {
        const error = failure(() =>
          matchCheckpoint(model(shapes), checkpoint(prefixed(prefix, { ...shapes, ...norm }))),
        );
        expect(error.place.tensor).toBe(`${prefix}norm.running_mean`);
        expect(error.message).toMatch(/merged batch normalisation/);
      },
    );

    it("are surplus in a module that is not used, in another copy of the weights, or when they are named", () => {
      const unused = { ...shapes, ...prefixed("aux.", norm), "aux.conv.weight": [1] };
      const copy = { ...shapes, ...prefixed("ema.", { ...shapes, ...norm }) };
      for (const tensors of [unused, copy]) {
        expect(matchCheckpoint(model(shapes), checkpoint(tensors)).names.size).toBe(4);
      }
      const chosen = checkpoint({ ...shapes, ...norm, ...prefixed("ema.") });
      expect(matchCheckpoint(model(shapes), chosen, { prefix: "ema." }).names.size).toBe(4);
      const optional = (name: string) => name.startsWith("norm.");
      const both = checkpoint(prefixed("module.", { ...shapes, ...norm }));
      expect(matchCheckpoint(model(shapes), both, { optional }).names.size).toBe(4);
    });
  });

  it("a weight that the exporter renamed is an error, never a constant", () => {
    const { "fc1.weight": _, ...rest } = shapes;
    const error = failure(() =>
      matchCheckpoint(model({ ...rest, "onnx::MatMul_12": [4, 3] }), checkpoint(shapes)),
    );
    expect(error.describe()).toMatch(/"onnx::MatMul_12".*renamed.*Export PyTorch Model/);
  });

  it("a module's weight is an error unless it may be missing", () => {
    const grown = model({ ...shapes, "positions.table": [7, 4] });
    expect(failure(() => matchCheckpoint(grown, checkpoint(shapes))).place.tensor).toBe(
      "positions.table",
    );
    const match = matchCheckpoint(grown, checkpoint(shapes), {
      optional: (name) => name.startsWith("positions."),
    });
    expect(match.constants).toEqual(["positions.table"]);
  });

  it("what only some checkpoints hold is an error", () => {
    const grown = model({ ...shapes, val_3: [] });
    const error = failure(() =>
      matchCheckpoints(grown, [checkpoint({ ...shapes, val_3: [] }), checkpoint(shapes)]),
    );
    expect(error.message).toMatch(/"val_3" is missing here/);
  });
});
