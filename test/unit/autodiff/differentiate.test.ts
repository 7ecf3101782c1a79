import { describe, expect, test } from "vitest";
import { differentiate } from "../../../src/core/autodiff/differentiate.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { float, GraphBuilder } from "../../../src/core/graph/builder.ts";
import type { Graph, Node } from "../../../src/core/graph/graph.ts";
import { bool, int64, toNumbers } from "../../../src/core/graph/tensor.ts";
import { evaluate, float64, typesOf } from "./harness.ts";

const seed = float64([2], [1, 10]);

/** Gradients of `seed . y` by value name, and the operators that were appended for them. */
async function gradientsOf(build: (builder: GraphBuilder) => void, wanted: readonly string[]) {
  const forward = new GraphBuilder();
  build(forward);
  const graph = forward.build();
  const { builder, names } = await differentiated(graph, wanted);
  const values = await evaluate(builder.build(), [...names.values()]);
  const numbers = [...names].map(([value, name]) => {
    const gradient = values.get(name);
    return [value, gradient === undefined ? [] : toNumbers(gradient)] as const;
  });
  return {
    gradients: Object.fromEntries(numbers),
    appended: builder.nodes.slice(graph.nodes.length).map(({ op }) => op),
  };
}

async function differentiated(graph: Graph, wanted: readonly string[]) {
  const builder = new GraphBuilder(graph);
  const seeds = new Map([["y", builder.initializer("seed", seed)]]);
  const names = differentiate(builder, graph, await typesOf(graph), seeds, wanted);
  return { builder, names };
}

function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  rest: Partial<Node> = {},
): Node {
  return { op, name: `/${outputs[0]}/${op}`, inputs, outputs, attributes: {}, ...rest };
}

async function failure(promise: Promise<unknown>): Promise<TracInError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof TracInError) {
    return error;
  }
  throw new Error(`expected a TracInError, not ${error}`);
}

describe("differentiate", () => {
  test("adds up what several uses of a value contribute", async () => {
    // y = x * x + x + x
    const { gradients, appended } = await gradientsOf(
      (b) => {
        b.initializer("x", float64([2], [3, 4]));
        b.add(node("Mul", ["x", "x"], ["square"]));
        b.add(node("Sum", ["square", "x", "x"], ["y"]));
      },
      ["x"],
    );
    expect(gradients).toEqual({ x: [1 * (2 * 3 + 2), 10 * (2 * 4 + 2)] });
    expect(appended.filter((op) => op === "Sum")).toHaveLength(1);
  });

  test("gives the gradient of intermediates, also of one that lies before another", async () => {
    // y = 3 (2 x)
    const { gradients } = await gradientsOf(
      (b) => {
        b.initializer("x", float64([2], [1, 1]));
        b.initializer("two", float64([], [2]));
        b.initializer("three", float64([], [3]));
        b.add(node("Mul", ["x", "two"], ["double"]));
        b.add(node("Mul", ["double", "three"], ["y"]));
      },
      ["y", "double", "x", "two"],
    );
    expect(gradients).toEqual({ y: [1, 10], double: [3, 30], x: [6, 60], two: [33] });
  });

  test("visits only nodes between a wanted value and a seed", async () => {
    const { gradients, appended } = await gradientsOf(
      (b) => {
        b.initializer("x", float64([2], [1, 2]));
        b.initializer("w", float64([2], [5, 7]));
        // No rule, but before `w` only.
        b.add(node("Floor", ["x"], ["below"]));
        b.add(node("Mul", ["below", "w"], ["y"]));
        // After `w`, but no seed comes from it.
        b.add(node("Floor", ["w"], ["aside"]));
      },
      ["w"],
    );
    expect(gradients).toEqual({ w: [1 * 1, 10 * 2] });
    expect(appended).toEqual(["Mul"]);
  });

  test("has no entry for a value that the loss does not depend on, and none through integers", async () => {
    const { gradients, appended } = await gradientsOf(
      (b) => {
        b.initializer("x", float64([2], [1, 2]));
        b.initializer("free", float64([2], [1, 2]));
        b.initializer("axis", int64([1], [0]));
        b.add(node("ArgMax", ["x"], ["best"], { attributes: { axis: { type: "int", value: 0 } } }));
        b.add(node("Cast", ["best"], ["y"], { attributes: { to: { type: "int", value: 11 } } }));
      },
      ["x", "free"],
    );
    expect(gradients).toEqual({});
    expect(appended).toEqual([]);
  });

  test("several seeds add up", async () => {
    const forward = new GraphBuilder();
    forward.initializer("x", float64([2], [1, 2]));
    forward.add(node("Neg", ["x"], ["a"]));
    forward.add(node("Exp", ["x"], ["b"]));
    const graph = forward.build();
    const builder = new GraphBuilder(graph);
    const seeds = new Map(
      ["a", "b"].map((value) => [value, builder.constant(float64([2], [1, 1]))]),
    );
    const names = differentiate(builder, graph, await typesOf(graph), seeds, ["x"]);
    const values = await evaluate(builder.build(), [names.get("x") ?? ""]);
    expect(values.get(names.get("x") ?? "")?.data).toEqual(
      Float64Array.of(Math.exp(1) - 1, Math.exp(2) - 1),
    );
  });

  test("an operator without a rule on the way is an error with node, operator and layer", async () => {
    const forward = new GraphBuilder();
    forward.initializer("x", float64([2], [1, 2]));
    forward.add(node("Det", ["x"], ["y"], { name: "/encoder/area/Det" }));
    const builder = new GraphBuilder(forward.build());
    const seeds = new Map([["y", builder.initializer("seed", seed)]]);
    const type = () => ({ dtype: "float64" as const, shape: [2] });
    const run = async () => differentiate(builder, forward.build(), type, seeds, ["x"]);
    const error = await failure(run());
    expect(error.kind).toBe("model");
    expect(error.place).toEqual({ node: "/encoder/area/Det (Det)", layer: "encoder.area" });
    expect(error.describe()).toContain("The operator Det has no gradient rule");
  });

  test.each<[string, (builder: GraphBuilder) => void, string]>([
    [
      "a pad that wraps around",
      (b) => {
        b.initializer("x", float64([1], [1]));
        b.initializer("pads", int64([2], [0, 1]));
        const attributes = { mode: { type: "string", value: "wrap" } } as const;
        b.add(node("Pad", ["x", "pads"], ["y"], { attributes }));
      },
      'its mode is "wrap"',
    ],
    [
      "running statistics",
      (b) => {
        for (const name of ["scale", "bias", "mean", "x"]) {
          b.initializer(name, float64([1], [1]));
        }
        b.initializer("image", float64([2, 1], [1, 2]));
        const inputs = ["image", "scale", "bias", "mean", "x"];
        b.add(node("BatchNormalization", inputs, ["y"], { attributes: { epsilon: float(0.1) } }));
      },
      "the gradient of its input 4 is not known",
    ],
    [
      "the larger of a value and an update",
      (b) => {
        b.initializer("x", float64([2], [1, 2]));
        b.initializer("at", int64([1], [0]));
        b.initializer("update", float64([1], [3]));
        const attributes = { reduction: { type: "string", value: "max" } } as const;
        b.add(node("ScatterElements", ["x", "at", "update"], ["y"], { attributes }));
      },
      'its reduction is "max"',
    ],
    [
      "dropout in training mode",
      (b) => {
        b.initializer("x", float64([2], [1, 2]));
        b.initializer("ratio", float64([], [0.5]));
        b.initializer("training", bool([], [true]));
        b.add(node("Dropout", ["x", "ratio", "training"], ["y"]));
      },
      "it is in training mode",
    ],
  ])("%s is an error, never a zero gradient", async (_, build, reason) => {
    const forward = new GraphBuilder();
    build(forward);
    const graph = forward.build();
    const builder = new GraphBuilder(graph);
    const seeds = new Map([["y", builder.initializer("seed", seed)]]);
    const type = (name: string) => ({
      dtype: graph.initializers.get(name)?.dtype ?? ("float64" as const),
      shape: graph.initializers.get(name)?.shape ?? [2],
    });
    const run = async () => differentiate(builder, graph, type, seeds, ["x"]);
    const error = await failure(run());
    expect(error.kind).toBe("model");
    expect(error.message).toContain(reason);
  });
});
