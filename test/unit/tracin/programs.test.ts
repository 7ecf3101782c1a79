import { expect, test } from "vitest";
import type { Engine } from "../../../src/core/engines/engine.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { outputs } from "../../../src/core/tracin/outputs.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import { openSynthetic } from "./golden.ts";

/** An engine that counts the programs that are not disposed, and fails while told to. */
function countingEngine() {
  const inner = onnxruntimeEngine();
  const state = { alive: 0, fails: false };
  const engine: Engine = {
    name: inner.name,
    async compile(graph, options) {
      if (state.fails) {
        throw new Error("no memory");
      }
      const program = await inner.compile(graph, options);
      state.alive++;
      return {
        run: (feeds) => program.run(feeds),
        dispose: () => {
          state.alive--;
          return program.dispose();
        },
      };
    },
  };
  return { engine, state };
}

async function open(engine: Engine) {
  const golden = await openSynthetic("conv2d");
  const scorer = await Scorer.open(golden.project, {
    engine,
    memoryLimit: 2 ** 30,
    layers: "all",
    weightsAsInputs: false,
  });
  const range = { start: 0, end: golden.train.length };
  const score = (queries: number) =>
    scorer.score(golden.selection.slice(0, queries), chunksOf(range, 4096), () => undefined);
  return { golden, scorer, score };
}

test("sessions with constant weights are kept for one question only", async () => {
  const { engine, state } = countingEngine();
  const { golden, scorer, score } = await open(engine);
  const before = state.alive;
  const derived = 1;
  await score(0);
  expect(state.alive).toBe(before + derived + golden.project.checkpoints.length);
  await score(0);
  expect(state.alive).toBe(before + derived + golden.project.checkpoints.length);
  await score(1);
  const [forward, queries] = [1, 1];
  expect(state.alive).toBe(
    before + derived + forward + queries + golden.project.checkpoints.length,
  );
  await scorer.close();
  expect(state.alive).toBe(0);
});

test.each([
  ["enough room", 0, true],
  ["a byte too little", 1, false],
])("constant weights, with %s for them and what is made of them", async (_, missing, isMade) => {
  const { project, selection, train } = await openSynthetic("conv2d");
  const inner = onnxruntimeEngine();
  let fewest = Number.POSITIVE_INFINITY;
  const engine: Engine = {
    name: inner.name,
    compile(graph, options) {
      if (graph.outputs.some(({ name }) => name === outputs.self) && options?.optimise !== false) {
        const names = new Set(graph.inputs.map(({ name }) => name));
        fewest = Math.min(fewest, project.parameters.filter((name) => names.has(name)).length);
      }
      return inner.compile(graph, options);
    },
  };
  const options = { engine, layers: "all", batch: 1 } as const;
  const planned = await Scorer.open(project, { ...options, memoryLimit: 2 ** 30 });
  const { derivedFloats } = await planned.plan(0);
  await planned.close();
  const { initializers } = project.model.graph;
  const weights = [...project.parameters, ...project.buffers].reduce(
    (total, name) => total + (initializers.get(name)?.data.byteLength ?? 0),
    0,
  );
  expect(derivedFloats).toBeGreaterThan(0);
  const needed = 3 * (weights + 4 * derivedFloats) * project.checkpoints.length;
  const scorer = await Scorer.open(project, { ...options, memoryLimit: 4 * (needed - missing) });
  const range = { start: 0, end: train.length };
  await scorer.score(selection.slice(0, 0), chunksOf(range, 4096), () => undefined);
  await scorer.close();
  expect(train.length).toBeGreaterThanOrEqual(8);
  expect(fewest === 0).toBe(isMade);
});

test("a program that failed to compile is compiled again", async () => {
  const { engine, state } = countingEngine();
  const { scorer, score } = await open(engine);
  state.fails = true;
  await expect(score(0)).rejects.toThrow(/no memory/);
  state.fails = false;
  await expect(score(0)).resolves.toBeUndefined();
  await scorer.close();
});

test("what no weight changes is computed once for all checkpoints", async () => {
  const golden = await openSynthetic("confident");
  const scorer = await Scorer.open(golden.project, {
    engine: onnxruntimeEngine(),
    memoryLimit: 2 ** 30,
    layers: "all",
  });
  const { split } = await scorer.plan(2);
  await scorer.close();
  const weights = new Set(golden.project.model.weights.map(({ name }) => name));
  const once = split?.once.nodes.flatMap(({ inputs }) => inputs) ?? [];
  expect(once.length).toBeGreaterThan(0);
  expect(once.filter((input) => weights.has(input))).toEqual([]);
  // Norm of the first layer's input, and its products with those of the queries.
  expect(split?.once.outputs.map(({ shape }) => shape)).toEqual([[2, 2], [2]]);
  const kept = new Set(split?.once.outputs.map(({ name }) => name));
  expect(
    split?.rest.nodes.flatMap(({ outputs }) => outputs).filter((name) => kept.has(name)),
  ).toEqual([]);
});
