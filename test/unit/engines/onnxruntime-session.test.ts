import type { InferenceSession, Tensor } from "onnxruntime-node";
import { expect, it } from "vitest";
import { createSession, type OnnxRuntime } from "../../../src/core/engines/onnxruntime-session.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import type { Graph } from "../../../src/core/graph/graph.ts";

function graphOf(nodes = 1): Graph {
  const builder = new GraphBuilder();
  let x = builder.input({ name: "x", dtype: "float32", shape: [2] });
  for (let index = 0; index < nodes; index++) {
    x = builder.op("Relu", [x]);
  }
  builder.output({ name: x, dtype: "float32", shape: [2] });
  return builder.build();
}

/** A library that fails with these messages, by level, and notes the levels that it is asked for. */
function library(failures: { readonly all?: string; readonly disabled?: string }) {
  const asked: unknown[] = [];
  const session = {} as InferenceSession;
  const create = async (_: unknown, options: InferenceSession.SessionOptions) => {
    const level = options.graphOptimizationLevel as keyof typeof failures;
    asked.push(level);
    const message = failures[level];
    if (message !== undefined) {
      throw new Error(message);
    }
    return session;
  };
  const runtime = {
    InferenceSession: { create },
    Tensor: {} as typeof Tensor,
    env: {},
  } as unknown as OnnxRuntime;
  return { asked, session, runtime };
}

const broken = "Invalid model. Node input 'Relu.0' is not a graph input";

it("runs a graph as it is where the library's optimiser breaks it", async () => {
  const { asked, session, runtime } = library({ all: broken });
  expect(await createSession(runtime, "cpu", graphOf(), {})).toBe(session);
  expect(asked).toEqual(["all", "disabled"]);
});

it.each([
  "std::bad_alloc",
  "bad allocation",
  "Failed to allocate memory for requested buffer of size 4294967296",
])("is not tried again without memory: %s", async (message) => {
  const { asked, runtime } = library({ all: message });
  await expect(createSession(runtime, "cpu", graphOf(), {})).rejects.toMatchObject({
    kind: "engine",
    message: `onnxruntime does not take the graph: ${message}`,
  });
  expect(asked).toEqual(["all"]);
});

it("says once what both attempts say, and names the node", async () => {
  const message = "Could not find an implementation for Relu(14) node with name 'Relu.0'";
  const { runtime } = library({ all: message, disabled: message });
  await expect(createSession(runtime, "cpu", graphOf(), {})).rejects.toMatchObject({
    message: `onnxruntime does not take the graph: ${message}`,
    place: { node: "Relu.0 (Relu)" },
  });
});

it("keeps what the first attempt says where the second fails otherwise", async () => {
  const { runtime } = library({ all: broken, disabled: "std::bad_alloc" });
  await expect(createSession(runtime, "cpu", graphOf(), {})).rejects.toMatchObject({
    message: `onnxruntime does not take the graph: std::bad_alloc Optimised: ${broken}`,
  });
});

it.each<[string, Graph, boolean | undefined]>([
  ["on request", graphOf(), false],
  ["of many nodes", graphOf(2001), undefined],
])("does not optimise graphs %s", async (_, graph, optimise) => {
  const { asked, runtime } = library({ all: "never asked" });
  await createSession(runtime, "cpu", graph, optimise === undefined ? {} : { optimise });
  expect(asked).toEqual(["disabled"]);
});
