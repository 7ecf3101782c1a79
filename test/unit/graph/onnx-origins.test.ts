import { readFileSync } from "node:fs";
import onnxProto from "onnx-proto";
import { describe, expect, it } from "vitest";
import { readOrigins } from "../../../src/core/graph/onnx-origins.ts";

const golden = new URL("../golden/", import.meta.url);

/** What the `onnx` package reads (test/golden/onnx_origins.py). */
const expected: Readonly<
  Record<
    string,
    {
      readonly kinds: Readonly<Record<string, string>>;
      readonly transient: readonly string[];
      readonly modules: Readonly<Record<string, string>>;
    }
  >
> = JSON.parse(readFileSync(new URL("onnx/origins.json", golden), "utf8"));

function bytesOf(model: string): Uint8Array {
  return readFileSync(new URL(`tracin/${model}/model.onnx`, golden));
}

describe("what PyTorch's newer exporter says of values and nodes", () => {
  it.each(Object.entries(expected))("%s", (model, { kinds, transient, modules }) => {
    const origins = readOrigins(bytesOf(model));
    expect(Object.fromEntries(origins.kinds)).toEqual(kinds);
    expect([...origins.transient].sort()).toEqual(transient.toSorted());
    expect(Object.fromEntries(origins.modules)).toEqual(modules);
  });

  it("knows parameters, buffers inside and outside the state_dict, and modules", () => {
    const all = Object.values(expected);
    expect(new Set(all.flatMap(({ kinds }) => Object.values(kinds)))).toEqual(
      new Set(["PARAMETER", "BUFFER"]),
    );
    expect(all.some(({ transient }) => transient.length > 0)).toBe(true);
    expect(all.some(({ modules }) => Object.values(modules).some((m) => m.includes(".")))).toBe(
      true,
    );
  });

  it("says nothing of other exporters' files", () => {
    const { kinds, modules } = readOrigins(readFileSync(new URL("onnx/cnn.onnx", golden)));
    expect([kinds.size, modules.size]).toEqual([0, 0]);
  });

  it("reads nothing from damage, and never throws", () => {
    const whole = bytesOf("model-conv3d");
    for (let length = 0; length < whole.length; length += 7) {
      // A cut file is no message, unless it is cut between two fields.
      expect(() => readOrigins(whole.subarray(0, length))).not.toThrow();
    }
    for (const bytes of [[0xff, 0xff], [0x3a, 0x7f], [0x3b], new Array(20).fill(0x80)]) {
      expect(readOrigins(Uint8Array.from(bytes)).kinds.size).toBe(0);
    }
  });

  it("skips fields of every wire type", () => {
    const { ModelProto } = onnxProto.onnx;
    const plain = ModelProto.encode({ irVersion: 8, producerName: "x", graph: {} }).finish();
    // A 64-bit and a 32-bit field, and one without a length that is a number.
    const others = [
      0xf1, 0x0f, 1, 2, 3, 4, 5, 6, 7, 8, 0xf5, 0x0f, 1, 2, 3, 4, 0xf0, 0x0f, 0x96, 1,
    ];
    const kinds = readOrigins(
      Uint8Array.from([...others, ...plain, ...bytesOf("model-conv3d")]),
    ).kinds;
    expect(kinds.size).toBe(Object.keys(expected["model-conv3d"]?.kinds ?? {}).length);
  });
});
