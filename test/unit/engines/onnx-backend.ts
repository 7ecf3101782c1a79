import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Engine, Values } from "../../../src/core/engines/engine.ts";
import type { Attribute, Graph, Node } from "../../../src/core/graph/graph.ts";
import { arrayClass, type DataType, type Tensor } from "../../../src/core/graph/tensor.ts";

/** As test/golden/onnx_backend.py writes it. */
interface StoredTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly data: string;
}
export interface StoredCase {
  readonly name: string;
  readonly nodes: readonly (Omit<Node, "attributes"> & {
    readonly attributes: Readonly<
      Record<string, { readonly type: string; readonly value: unknown }>
    >;
  })[];
  readonly inputs: Readonly<Record<string, StoredTensor>>;
  readonly outputs: Readonly<Record<string, StoredTensor>>;
  readonly rtol: number;
  readonly atol: number;
}

function read<Case extends StoredCase>(name: string): readonly Case[] {
  const file = new URL(`../golden/onnx-backend/${name}.json.gz`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(file)).toString());
}

/** The ONNX project's backend node tests that we keep. */
export const cases: readonly StoredCase[] = read("cases");
/** Those of operators that are written with others before an engine meets them, each with its operator set. */
export const expandedCases = read<StoredCase & { readonly opset: number }>("expanded");

/** What an engine gives for a case. */
export async function runCase(engine: Engine, each: StoredCase): Promise<Values> {
  const { graph, feeds } = graphOf(each);
  const program = await engine.compile(graph);
  try {
    return await program.run(feeds);
  } finally {
    await program.dispose();
  }
}

/** A case as a graph with what it is fed. */
export function graphOf(each: StoredCase): { readonly graph: Graph; readonly feeds: Values } {
  const feeds = Object.entries(each.inputs).map(
    ([name, stored]) => [name, restore(stored)] as const,
  );
  const graph: Graph = {
    inputs: feeds.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    outputs: Object.entries(each.outputs).map(([name, { dtype, shape }]) => ({
      name,
      dtype,
      shape,
    })),
    nodes: each.nodes.map((node) => ({ ...node, attributes: attributesOf(node.attributes) })),
    initializers: new Map(),
    opset: 18,
  };
  return { graph, feeds: new Map(feeds) };
}

/** The largest difference as a multiple of what the case tolerates. */
export function farthest(
  found: Tensor | undefined,
  wanted: Tensor,
  { rtol, atol }: StoredCase,
): number {
  let worst = 0;
  for (let index = 0; index < wanted.data.length; index++) {
    const [a, b] = [Number(found?.data[index]), Number(wanted.data[index])];
    if (!Object.is(a, b) && a !== b) {
      const ratio = Math.abs(a - b) / (atol + rtol * Math.abs(b));
      worst = Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : Math.max(worst, ratio);
    }
  }
  return worst;
}

/** A stored tensor. */
export function restore({ dtype, shape, data }: StoredTensor): Tensor {
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  return { dtype, shape, data: new arrayClass[dtype](bytes.buffer) } as Tensor;
}

function attributesOf(
  stored: StoredCase["nodes"][number]["attributes"],
): Record<string, Attribute> {
  return Object.fromEntries(
    Object.entries(stored).map(([name, { type, value }]) => [
      name,
      (type === "tensor"
        ? { type, value: restore(value as StoredTensor) }
        : { type, value }) as Attribute,
    ]),
  );
}
