import { readFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { type ExpectedTensor, listOf, numbersOf } from "./expected.ts";
import { refusal } from "./scratch.ts";

const folder = join(import.meta.dirname, "../golden/npz");
const expected: Readonly<Record<string, Readonly<Record<string, ExpectedTensor>>>> = JSON.parse(
  readFileSync(join(folder, "expected.json"), "utf8"),
);

describe("checkpoints of NumPy", () => {
  it.each(["stored.npz", "deflated.npz"])("%s is read to the last bit", async (file) => {
    const golden = expected[file] ?? {};
    const checkpoint = await openCheckpoint(join(folder, file), file);
    try {
      expect(checkpoint.format).toBe("npz");
      expect([...checkpoint.tensors.keys()]).toEqual(Object.keys(golden));
      for (const [name, tensor] of Object.entries(golden)) {
        const listed = checkpoint.tensors.get(name);
        expect([name, listed?.dtype, listed?.shape]).toEqual([name, tensor.dtype, tensor.shape]);
        expect([name, listOf((await checkpoint.read(name)).data)]).toEqual([
          name,
          numbersOf(tensor),
        ]);
      }
      expect(checkpoint.learningRates).toEqual([{ value: 0.125, source: "learning_rate" }]);
      expect(checkpoint.step).toBe(40);
    } finally {
      await checkpoint.close();
    }
  });

  it("never loads pickled objects", async () => {
    const error = await openCheckpoint(join(folder, "objects.npz"), "objects.npz").catch(
      (failure) => failure,
    );
    expect(error).toMatchObject({
      kind: "checkpoint",
      place: { file: "objects.npz", tensor: "pickled" },
    });
    expect(error.message).toMatch(/Python objects/);
  });

  it("refuses damaged and lying archives", async () => {
    const whole = readFileSync(join(folder, "stored.npz"));
    expect((await refusal("cut.npz", whole.subarray(0, 700)))?.kind).toBe("checkpoint");
    const lying = Buffer.from(whole.toString("latin1").replace("(4, 3)", "(9, 9)"), "latin1");
    expect((await refusal("lying.npz", lying))?.message).toMatch(/promises 324 bytes/);
    const mixed = zipSync({ "a.npy": new Uint8Array(2), "b.bin": new Uint8Array(2) });
    expect((await refusal("mixed.npz", mixed))?.describe()).toMatch(/no single data\.pkl|NumPy/);
    const other = zipSync({ "a.npy": new TextEncoder().encode("no array at all, but text") });
    expect((await refusal("other.npz", other))?.message).toMatch(/does not begin/);
  });
});
