import { expect, test } from "vitest";
import { differentiate } from "../../../src/core/autodiff/differentiate.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import { sizeOf } from "../../../src/core/graph/tensor.ts";
import { float64, graphOf, largestError, type OperatorCase, typesOf } from "./harness.ts";

/** Numbers without a pattern that a wrong axis would keep. */
function tensor(shape: readonly number[]) {
  const data = Array.from({ length: sizeOf(shape) }, (_, index) => Math.sin(1 + 1.7 * index));
  return float64(shape, data);
}

/** A convolution of 16 to 32 channels with a constant weight, whose gradient is a convolution too. */
const base = { x: [2, 16, 6, 5], w: [32, 16, 3, 2], attributes: {} };
const cases = {
  plain: base,
  padded: { ...base, attributes: { pads: [1, 0, 2, 1] } },
  dilated: { ...base, attributes: { dilations: [2, 3], pads: [2, 1, 3, 2] } },
  "with a kernel of 1 x 1": { ...base, w: [16, 16, 1, 1] },
} as const;
/** What stays a transposed convolution. */
const others = {
  strided: { ...base, attributes: { strides: [2, 1] } },
  "padded by more than the kernel": { ...base, attributes: { pads: [3, 2, 3, 2] } },
  "of other channels": { ...base, w: [8, 16, 3, 2] },
};

function caseOf({
  x,
  w,
  attributes,
}: {
  x: readonly number[];
  w: readonly number[];
  attributes: object;
}) {
  const inputs = [tensor(x), tensor(w)];
  return { inputs, attributes, checked: [0] } as OperatorCase;
}

async function appended(each: OperatorCase): Promise<string[]> {
  const { graph, node } = graphOf("Conv", each);
  const builder = new GraphBuilder(graph);
  const type = await typesOf(graph);
  const [y = ""] = node.outputs;
  const seeds = new Map([[y, builder.initializer("seed", tensor(type(y).shape))]]);
  differentiate(builder, graph, type, seeds, ["x0"]);
  return builder.nodes.slice(graph.nodes.length).map(({ op }) => op);
}

// Central differences in double precision are off by about 1e-10.
test.each(Object.entries(cases))("the input's gradient %s is a convolution", async (_, each) => {
  expect(await appended(caseOf(each))).toEqual(["Transpose", "Slice", "Conv"]);
  expect(await largestError("Conv", caseOf(each))).toBeLessThan(1e-7);
});

test.each(Object.entries(others))("%s it is a transposed one", async (_, each) => {
  expect(await appended(caseOf(each))).toContain("ConvTranspose");
  expect(await largestError("Conv", caseOf(each))).toBeLessThan(1e-7);
});
