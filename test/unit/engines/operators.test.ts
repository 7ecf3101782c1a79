import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import type { Engine } from "../../../src/core/engines/engine.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import { tensorflowEngine } from "../../../src/core/engines/tensorflow/engine.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import { float32 } from "../../../src/core/graph/tensor.ts";
import { testTensorFlow } from "../support/tensorflow.ts";

function graph() {
  const builder = new GraphBuilder();
  const x = builder.input({ name: "x", dtype: "float32", shape: [2, 2] });
  const once = builder.op("Tanh", [builder.matmul(x, x)]);
  const twice = builder.op("Tanh", [once]);
  builder.output({ name: twice, dtype: "float32", shape: [2, 2] });
  return builder.build();
}

function profiles(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith("tracin-profile-"));
}

describe("operators that are timed", () => {
  it.each<[string, () => Promise<Engine>]>([
    ["reference", async () => referenceEngine()],
    ["onnxruntime", async () => onnxruntimeEngine()],
    ["tensorflow", async () => tensorflowEngine(testTensorFlow())],
  ])("are told once for each run of each node: %s", async (_, engine) => {
    const before = profiles();
    const seen: { operator: string; seconds: number }[] = [];
    const program = await (await engine()).compile(graph(), {
      onOperator: (operator, seconds) => seen.push({ operator, seconds }),
    });
    for (let run = 0; run < 3; run++) {
      await program.run(new Map([["x", float32([2, 2], [1, 2, 3, 4])]]));
    }
    await program.dispose();
    const operators = seen.map(({ operator }) => operator).sort();
    expect(operators).toEqual(
      [..."MMM"].map(() => "MatMul").concat([..."TTTTTT"].map(() => "Tanh")),
    );
    expect(seen.every(({ seconds }) => seconds >= 0 && seconds < 1)).toBe(true);
    expect(profiles()).toEqual(before);
  });

  it("cost nothing where nobody asks", async () => {
    const before = profiles();
    const program = await onnxruntimeEngine().compile(graph());
    await program.run(new Map([["x", float32([2, 2], [1, 2, 3, 4])]]));
    expect(profiles()).toEqual(before);
    await program.dispose();
  });
});
