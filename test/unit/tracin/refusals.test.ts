import { describe, expect, test } from "vitest";
import type { Project } from "../../../src/core/config/project.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { float32 } from "../../../src/core/graph/tensor.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import type { QuerySelection } from "../../../src/core/tracin/scores.ts";
import { openSynthetic } from "./golden.ts";

const options = { engine: onnxruntimeEngine(), memoryLimit: 2 ** 28, layers: "all" } as const;

async function refusal(work: () => Promise<unknown>): Promise<TracInError> {
  const error: unknown = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TracInError);
  return error as TracInError;
}

async function score(project: Project, selection: readonly QuerySelection[]): Promise<void> {
  const scorer = await Scorer.open(project, options);
  try {
    await scorer.score(selection, chunksOf({ start: 0, end: 8 }, 4096), () => {});
  } finally {
    await scorer.close();
  }
}

describe("what cannot be scored is refused with what, where and what to do", () => {
  test("a checkpoint where training had diverged", async () => {
    const { project, selection } = await openSynthetic("conv2d");
    const diverged: Project = {
      ...project,
      async readWeights(checkpoint) {
        const weights = new Map(await project.readWeights(checkpoint));
        if (checkpoint === project.checkpoints[1]) {
          const [name, tensor] = [...weights][0] ?? ["", float32([], [0])];
          weights.set(name, float32(tensor.shape, new Float32Array(tensor.data.length).fill(NaN)));
        }
        return weights;
      },
    };
    const error = await refusal(() => score(diverged, selection));
    expect(error.kind).toBe("checkpoint");
    expect(error.place.file).toBe("checkpoint-2.safetensors");
    expect(error.message).toContain("training example 0");
    expect(error.remedy).toContain("tracin.json");
  });

  test.each([
    ["an unknown dataset", { dataset: "validation", index: 0, explain: "target" }, "validation"],
    [
      "an example beyond the end",
      { dataset: "query", index: 3, explain: "target" },
      "no example 3",
    ],
    ["a label beyond the outputs", { dataset: "query", index: 0, explain: 99 }, "no output 99"],
  ] as const)("%s", async (_, query, text) => {
    const { project } = await openSynthetic("conv2d");
    const error = await refusal(() => score(project, [query]));
    expect(error.describe()).toContain(text);
  });

  test("another label than the target where the loss has no labels", async () => {
    const { project } = await openSynthetic("mse-sum");
    const error = await refusal(() =>
      score(project, [{ dataset: "query", index: 0, explain: "prediction" }]),
    );
    expect(error.kind).toBe("config");
    expect(error.message).toContain("There are no labels");
  });

  test("a loss that is one number for the whole batch", async () => {
    const { project } = await openSynthetic("loss-output");
    const { graph } = project.model;
    const mean = {
      op: "ReduceMean",
      name: "mean",
      inputs: ["output"],
      outputs: ["mean"],
      attributes: { keepdims: { type: "int", value: 0 } },
    } as const;
    const outputs = [...graph.outputs, { name: "mean", dtype: "float32", shape: [] } as const];
    const error = await refusal(() =>
      Scorer.open(
        {
          ...project,
          loss: { ...project.loss, output: "mean" },
          model: { ...project.model, graph: { ...graph, nodes: [...graph.nodes, mean], outputs } },
        },
        options,
      ),
    );
    expect(error.kind).toBe("model");
    expect(error.message).toContain("one loss for the whole batch");
    expect(error.remedy).toContain("[batch]");
  });

  test.each([
    ["loss-tokens", 1, "There is a label at each position"],
    ["loss-huber", "prediction", 'The loss "huber" has no labels'],
    ["loss-output", "prediction", 'The loss "output" has no labels'],
  ] as const)("another label than the target of %s", async (name, explain, text) => {
    const { project } = await openSynthetic(name);
    const error = await refusal(() => score(project, [{ dataset: "query", index: 0, explain }]));
    expect(error.kind).toBe("config");
    expect(error.message).toContain(text);
  });

  test("a layer pattern that matches nothing", async () => {
    const { project } = await openSynthetic("conv2d");
    const error = await refusal(() => Scorer.open(project, { ...options, layers: ["decoder.*"] }));
    expect(error.kind).toBe("config");
    expect(error.message).toContain("decoder.*");
    expect(error.remedy).toContain(project.parameters[0]);
  });

  test("a computation that is cancelled, within the running batch", async () => {
    const { project, selection } = await openSynthetic("conv2d");
    const scorer = await Scorer.open(project, { ...options, batch: 1 });
    const cancel = new AbortController();
    let done = 0;
    const error = await refusal(() =>
      scorer.score(selection, chunksOf({ start: 0, end: 8 }, 4096), () => {}, {
        signal: cancel.signal,
        onProgress: (progress) => {
          done = progress.done;
          if (done === 3) {
            cancel.abort();
          }
        },
      }),
    );
    await scorer.close();
    expect(error.kind).toBe("cancelled");
    expect(done).toBe(3);
  });
});
