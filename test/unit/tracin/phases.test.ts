import { describe, expect, test } from "vitest";
import { differentiate } from "../../../src/core/autodiff/differentiate.ts";
import { type AttributeShorthand, GraphBuilder } from "../../../src/core/graph/builder.ts";
import { type Shape, sizeOf, toNumbers } from "../../../src/core/graph/tensor.ts";
import { splitPhases } from "../../../src/core/tracin/phases.ts";
import { evaluate, float64, typesOf } from "../autodiff/harness.ts";

interface Case {
  readonly x: Shape;
  readonly w: Shape;
  readonly conv?: Readonly<Record<string, AttributeShorthand>>;
  readonly pool: Readonly<Record<string, AttributeShorthand>>;
}

const halves = { kernel_shape: [2, 2], strides: [2, 2] };
const cases: Record<string, Case> = {
  "as large as the image": {
    x: [2, 3, 6, 6],
    w: [4, 3, 3, 3],
    conv: { pads: [1, 1, 1, 1] },
    pool: halves,
  },
  "without padding": { x: [2, 2, 8, 6], w: [3, 2, 3, 3], pool: halves },
  "with rows left over": {
    x: [1, 2, 9, 10],
    w: [2, 2, 3, 2],
    pool: { kernel_shape: [2, 3], strides: [2, 3] },
  },
  "more left over than a window": {
    x: [1, 1, 5, 9],
    w: [2, 1, 1, 1],
    conv: { strides: [1, 2] },
    pool: { kernel_shape: [3, 2], strides: [3, 2] },
  },
  strided: {
    x: [2, 2, 9, 9],
    w: [2, 2, 3, 3],
    conv: { strides: [2, 2], pads: [1, 1, 0, 0] },
    pool: halves,
  },
  dilated: {
    x: [2, 2, 8, 8],
    w: [2, 2, 3, 3],
    conv: { dilations: [2, 2], pads: [2, 2, 2, 2] },
    pool: halves,
  },
  "in groups": {
    x: [2, 4, 6, 6],
    w: [4, 2, 3, 3],
    conv: { group: 2, pads: [1, 1, 1, 1] },
    pool: halves,
  },
  "on one axis, padded by name": {
    x: [2, 2, 8],
    w: [2, 2, 3],
    conv: { auto_pad: "SAME_UPPER" },
    pool: { kernel_shape: [2], strides: [2] },
  },
};

/** Loss gradients of a convolution and a pool, before the nodes are replaced or after. */
async function gradients({ x, w, conv, pool }: Case, isSplit: boolean) {
  const builder = new GraphBuilder();
  // Few different numbers, so that windows have ties.
  const values = (shape: Shape) =>
    float64(
      shape,
      Array.from({ length: sizeOf(shape) }, (_, i) => Math.round(2 * Math.sin(1 + 1.7 * i))),
    );
  const image = builder.initializer("x", values(x));
  const weight = builder.initializer("w", values(w));
  const bias = builder.initializer("b", values([w[0] as number]));
  const y = builder.op("Conv", [image, weight, bias], conv);
  const pooled = builder.op("MaxPool", [y], pool);
  const graph = { ...builder.build(), nodes: [...builder.nodes] };
  const type = await typesOf(graph);
  const { shape } = type(pooled);
  const seed = builder.initializer(
    "seed",
    float64(
      shape,
      Array.from({ length: sizeOf(shape) }, (_, i) => Math.cos(i)),
    ),
  );
  const wanted = differentiate(builder, graph, type, new Map([[pooled, seed]]), ["x", "w", "b"]);
  if (isSplit) {
    splitPhases(builder, type);
  }
  const names = [pooled, ...wanted.values()];
  const results = await evaluate(builder.build(), names);
  return {
    ops: builder.nodes.map(({ op }) => op),
    numbers: names.map((name) => toNumbers(results.get(name) as never)),
  };
}

describe("a convolution before a pool, in phases", () => {
  test.each(Object.entries(cases))("%s", async (_, each) => {
    const whole = await gradients(each, false);
    const split = await gradients(each, true);
    expect(whole.ops).toContain("MaxPool");
    expect(split.ops).not.toContain("MaxPool");
    // The same sums of small integers: equal to the last digit.
    expect(split.numbers).toEqual(whole.numbers);
  });

  test("stays whole where something else reads the map, and where windows overlap", async () => {
    const overlapping = {
      x: [1, 1, 6, 6],
      w: [1, 1, 3, 3],
      pool: { kernel_shape: [2, 2], strides: [1, 1] },
    };
    expect((await gradients(overlapping, true)).ops).toContain("MaxPool");
    const builder = new GraphBuilder();
    builder.initializer("x", float64([1, 1, 4, 4], new Float64Array(16)));
    builder.initializer("w", float64([1, 1, 1, 1], [1]));
    const y = builder.op("Conv", ["x", "w"]);
    const pooled = builder.op("MaxPool", [y], halves);
    const read = builder.op("Neg", [y]);
    const graph = { ...builder.build(), nodes: [...builder.nodes] };
    const type = await typesOf(graph);
    differentiate(
      builder,
      graph,
      type,
      new Map([
        [pooled, pooled],
        [read, read],
      ]),
      ["x"],
    );
    splitPhases(builder, type);
    expect(builder.nodes.map(({ op }) => op)).toContain("MaxPool");
  });
});
