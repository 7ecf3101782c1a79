import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";

const folder = join(import.meta.dirname, "../golden/checkpoints");

interface Expected {
  readonly tensors: Readonly<
    Record<string, { dtype: string; shape: number[]; values: (number | string | boolean)[] }>
  >;
  readonly rates?: number[];
  readonly source?: string;
  readonly step?: number;
  readonly epoch?: number;
  /** Tensors beside the model's that the file lists too. */
  readonly also?: string[];
}

const expected: Readonly<Record<string, Expected>> = JSON.parse(
  readFileSync(join(folder, "expected.json"), "utf8"),
);

/** JSON has no infinities; Python's text for them stands in. */
function toNumber(value: number | string | boolean): number {
  return typeof value === "string"
    ? Number(value.replace("inf", "Infinity").replace("nan", "NaN"))
    : Number(value);
}

describe("checkpoints written by torch and safetensors", () => {
  it.each(Object.entries(expected))("%s is read to the last bit", async (file, golden) => {
    const checkpoint = await openCheckpoint(join(folder, file), file);
    try {
      expect([...checkpoint.tensors.keys()].sort()).toEqual(
        [...Object.keys(golden.tensors), ...(golden.also ?? [])].sort(),
      );
      for (const [name, tensor] of Object.entries(golden.tensors)) {
        const listed = checkpoint.tensors.get(name);
        expect([name, listed?.dtype, listed?.shape]).toEqual([name, tensor.dtype, tensor.shape]);
        const read = await checkpoint.read(name);
        expect([name, read.shape]).toEqual([name, tensor.shape]);
        const floating = /float/.test(tensor.dtype);
        expect(read.dtype).toBe(floating ? "float32" : tensor.dtype);
        expect([name, Array.from<number | bigint, number>(read.data, Number)]).toEqual([
          name,
          tensor.values.map(toNumber),
        ]);
      }
      expect(checkpoint.step).toBe(golden.step);
      expect(checkpoint.epoch).toBe(golden.epoch);
      expect(checkpoint.learningRates.map(({ value }) => value)).toEqual(
        golden.rates?.map((rate) => expect.closeTo(rate, 9)) ?? [],
      );
      if (golden.source !== undefined) {
        expect(checkpoint.learningRates[0]?.source).toBe(golden.source);
      }
    } finally {
      await checkpoint.close();
    }
  });

  it.each([
    ["whole-module.pt", /whole module __main__\.Net was pickled.*state_dict/],
    ["whole-module-nested.pt", /whole module __main__\.Net was pickled.*state_dict/],
    ["torchscript.pt", /TorchScript.*state_dict/],
    ["sparse.pt", /kind that is not read.*sparse.*"weight"/],
    ["complex.pt", /Complex/],
    ["float8.pt", /float8_e4m3fn|Float8/],
    ["float8.safetensors", /F8_E4M3.*"weight".*float32, float16 or bfloat16/],
    ["optimizer.pt", /holds no model weights/],
  ])("%s is refused with a reason and a remedy", async (file, reason) => {
    const error = await openCheckpoint(join(folder, file), file).then(
      () => undefined,
      (failure) => failure,
    );
    expect(error?.name).toBe("TracInError");
    expect(error.kind).toBe("checkpoint");
    expect(error.place.file).toBe(file);
    expect(error.describe()).toMatch(reason);
  });
});
