import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/core/checkpoints/checkpoint.ts";
import { matchCheckpoint } from "../../../src/core/checkpoints/match.ts";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { copyWarnings } from "../../../src/core/checkpoints/trained.ts";
import type { Shape } from "../../../src/core/graph/tensor.ts";
import type { Model, ModelWeight } from "../../../src/core/models/model.ts";

const golden = join(import.meta.dirname, "../golden/trainers");
const network: Readonly<Record<string, Shape>> = {
  "0.weight": [3, 4],
  "0.bias": [3],
  "2.weight": [2, 3],
  "2.bias": [2],
};

/** A model of weights alone; `uses` nodes read each weight. */
function model(
  weights: Readonly<Record<string, Shape>>,
  more: Partial<Model> & { uses?: number; role?: ModelWeight["role"] } = {},
): Model {
  const { uses = 1, role = "parameter", ...rest } = more;
  const nodes = Object.keys(weights).flatMap((name) =>
    Array.from({ length: uses }, (_, index) => ({
      op: "MatMul",
      name: `${name}/${index}`,
      inputs: ["x", name],
      outputs: [`${name}/${index}`],
      attributes: {},
    })),
  );
  return {
    file: "model.onnx",
    graph: { inputs: [], outputs: [], nodes, initializers: new Map(), opset: 18 },
    weights: Object.entries(weights).map(([name, shape]) => ({ name, shape, role })),
    recorded: false,
    paddingRows: new Map(),
    ...rest,
  };
}

function checkpoint(
  tensors: Readonly<Record<string, Shape>>,
  more: Partial<Checkpoint> = {},
): Checkpoint {
  return {
    file: "last.pt",
    format: "pytorch",
    tensors: new Map(
      Object.entries(tensors).map(([name, shape]) => [name, { name, dtype: "float32", shape }]),
    ),
    learningRates: [],
    read: () => Promise.reject(new Error("not read here")),
    close: async () => {},
    ...more,
  };
}

function prefixed(prefix: string): Record<string, Shape> {
  return Object.fromEntries(Object.entries(network).map(([name, shape]) => [prefix + name, shape]));
}

describe("several sets of weights in one file", () => {
  it.each([
    ["model.", "ema."],
    ["student.", "teacher."],
    ["online_network.", "target_network."],
    ["generator.", "avg_generator."],
    ["", "ema_model.module."],
  ])("%j is preferred to %j, which is told", (own, other) => {
    const match = matchCheckpoint(
      model(network),
      checkpoint({ ...prefixed(other), ...prefixed(own) }),
    );
    expect([match.prefix, match.copies.map(({ prefix }) => prefix)]).toEqual([own, [other]]);
    expect(match.surplus).toEqual([]);
    expect(copyWarnings(match)).toEqual([
      expect.stringMatching(/several sets.*checkpoints\.prefix/),
    ]);
    expect(copyWarnings(match)[0]).toContain(`"${other}"`);
  });

  it("a configured prefix chooses the average", () => {
    const both = checkpoint({ ...prefixed("ema."), ...prefixed("model.") });
    const match = matchCheckpoint(model(network), both, { prefix: "ema." });
    expect(match.names.get("0.weight")).toBe("ema.0.weight");
    expect(copyWarnings(match)).toEqual([]);
  });

  it("one set is not told as several, whatever its wrappers", () => {
    const wrapped = Object.fromEntries(
      Object.entries(network).map(([name, shape]) => [`net.${name}`, shape]),
    );
    const match = matchCheckpoint(model(wrapped), checkpoint(prefixed("module.net.")));
    expect([match.prefix, match.copies]).toEqual(["module.", []]);
  });

  it("torch's AveragedModel beside the model: the model's weights, not the average", async () => {
    const opened = await openCheckpoint(join(golden, "average.pt"), "average.pt");
    const match = matchCheckpoint(model(network), opened);
    expect([match.prefix, match.copies.map(({ prefix }) => prefix)]).toEqual(["", ["ema.module."]]);
    const expected = JSON.parse(readFileSync(join(golden, "expected.json"), "utf8"));
    const { data } = await opened.read(match.names.get("0.weight") ?? "");
    const sum = Array.from(data as Float32Array).reduce((a, b) => a + b, 0);
    expect(sum).toBeCloseTo(expected["average.pt"].tensors["0.weight"].sum, 5);
    await opened.close();
  });
});

describe("tied weights that are stored once", () => {
  const body = { "h.weight": [4, 4] } as const;

  it("the metadata of the model tells the other name", () => {
    const tied = model(
      { ...body, "head.weight": [8, 4] },
      { ties: [["wte.weight", "head.weight"]] },
    );
    const match = matchCheckpoint(
      tied,
      checkpoint({ ...body, "wte.weight": [8, 4], "x.weight": [8, 4] }),
    );
    expect(match.names.get("head.weight")).toBe("wte.weight");
    expect(match.surplus).toEqual(["x.weight"]);
  });

  it("so does the metadata of the safetensors file", () => {
    const ties = new Map([["model.head.weight", "model.wte.weight"]]);
    const stored = {
      "model.h.weight": [4, 4],
      "model.wte.weight": [8, 4],
      "model.x.weight": [8, 4],
    };
    const match = matchCheckpoint(
      model({ ...body, "head.weight": [8, 4] }),
      checkpoint(stored, { ties }),
    );
    expect(match.names.get("head.weight")).toBe("model.wte.weight");
  });

  it("else the graph: a weight at several nodes, and one unused tensor of its shape", async () => {
    const opened = await openCheckpoint(join(golden, "tied"), "tied");
    await opened.close();
    const weights = Object.fromEntries(
      [...opened.tensors.values()].map(({ name, shape }) => [
        name === "transformer.wte.weight" ? "lm_head.weight" : name,
        shape,
      ]),
    );
    const match = matchCheckpoint(model(weights, { uses: 2 }), opened);
    expect(match.names.get("lm_head.weight")).toBe("transformer.wte.weight");
    expect(match.surplus).toEqual([]);
    expect(() => matchCheckpoint(model(weights), opened)).toThrow(/"lm_head\.weight"/);
  });

  it("two candidates are refused, and so is a tensor that the model has as a weight of its own", () => {
    const head = model({ ...body, "head.weight": [8, 4] }, { uses: 2 });
    const two = checkpoint({ ...body, "a.weight": [8, 4], "b.weight": [8, 4] });
    expect(() => matchCheckpoint(head, two)).toThrow(/"head\.weight"/);
    const both = model({ "wte.weight": [8, 4], "head.weight": [8, 4] }, { uses: 2 });
    const ties = new Map([["head.weight", "wte.weight"]]);
    expect(() => matchCheckpoint(both, checkpoint({ "wte.weight": [8, 4] }, { ties }))).toThrow(
      expect.objectContaining({ remedy: expect.stringMatching(/tied/) }),
    );
  });
});

describe("adapters", () => {
  const expected = JSON.parse(readFileSync(join(golden, "expected.json"), "utf8")).adapter;
  const shapeOf = (name: string): Shape =>
    Object.entries<{ shape: number[] }>(expected.tensors).find(
      ([stored]) =>
        name.replace(".default", "") === stored ||
        name.replace(".modules_to_save.default", "") === stored,
    )?.[1].shape ?? [1, 2];
  // The original of a module that is trained as a whole is no part of the exported graph.
  const names: string[] = expected.inModel.filter((name: string) => !/original_module/.test(name));
  const weights = names.map(
    (name): ModelWeight => ({
      name,
      shape: shapeOf(name),
      role: /lora_|modules_to_save/.test(name) ? "parameter" : "buffer",
    }),
  );

  it("fit a model that was exported with them, whose other weights are recorded as frozen", async () => {
    const opened = await openCheckpoint(join(golden, "adapter"), "adapter");
    await opened.close();
    const match = matchCheckpoint({ ...model({}), weights }, opened);
    expect([...match.names].sort()).toEqual(
      names
        .filter((name) => /lora_|modules_to_save/.test(name))
        .map((name) => [name, name.replace(".default", "").replace(".modules_to_save", "")])
        .sort(),
    );
    expect(match.surplus).toEqual([]);
  });

  it("do not fit a model alone; the message says what to do", async () => {
    const opened = await openCheckpoint(join(golden, "adapter"), "adapter");
    await opened.close();
    const base = weights.map((weight) => ({ ...weight, role: "parameter" as const }));
    expect(() => matchCheckpoint({ ...model({}), weights: base }, opened)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/adapter \(PEFT\): it holds only 6 tensors/),
        remedy: expect.stringMatching(/merge_and_unload/),
        place: expect.objectContaining({ file: "adapter" }),
      }),
    );
  });
});

describe("a weight that was not trained and is in no checkpoint", () => {
  const untrained = model({ "positions.weight": [8, 4] }, { role: "buffer", recorded: true });
  const whole = { ...untrained, weights: [...untrained.weights, ...model(network).weights] };

  it("is told how to serve from the model file, and does where it is named", () => {
    expect(() => matchCheckpoint(whole, checkpoint(network))).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('name it under "frozen"') }),
    );
    const options = { optional: (name: string) => name === "positions.weight" };
    expect(matchCheckpoint(whole, checkpoint(network), options).constants).toEqual([
      "positions.weight",
    ]);
  });
});
