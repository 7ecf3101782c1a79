import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  bytes,
  dictionary,
  readBytes,
  refusal,
  tensorPickle,
  torchZip,
  uint32,
  unicode,
} from "./scratch.ts";

const golden = join(import.meta.dirname, "../golden/checkpoints");

function safetensors(header: unknown, data = 0, claimed?: number): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  return bytes(uint32(claimed ?? json.length), uint32(0), json, new Uint8Array(data));
}

const f32 = (shape: unknown, begin: unknown, end: unknown) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

describe("lying safetensors files", () => {
  it.each<[string, Uint8Array, RegExp]>([
    ["nothing", bytes(), /too short/],
    ["a header beyond the end", safetensors({}, 0, 1000), /claims 1000 bytes/],
    [
      "an enormous header",
      bytes(uint32(0xffffffff), uint32(0xffffffff), "{}"),
      /claims 1844\d+ bytes/,
    ],
    ["no JSON", safetensors("{not json"), /not valid JSON/],
    ["a list", safetensors("[]"), /JSON object/],
    ["invalid UTF-8", safetensors('{"\u00ff'.replace("\u00ff", "\ud800")), /JSON/],
    ["deep nesting", safetensors(`{"a":${"[".repeat(100_000)}`), /nested too deeply/],
    ["an entry of another kind", safetensors({ w: 3 }), /not an object/],
    ["an unknown type", safetensors({ w: { ...f32([1], 0, 4), dtype: "F4" } }, 4), /type F4/],
    [
      "a type that every object has",
      safetensors({ w: { ...f32([1], 0, 4), dtype: "toString" } }, 4),
      /type toString/,
    ],
    ["a negative size", safetensors({ w: f32([-1], 0, 4) }, 4), /shape/],
    ["a fraction", safetensors({ w: f32([0.5], 0, 4) }, 4), /shape/],
    ["an impossible shape", safetensors({ w: f32([2 ** 40, 2 ** 40], 0, 4) }, 4), /do not fit/],
    ["bytes that do not fit the shape", safetensors({ w: f32([2], 0, 4) }, 4), /do not fit/],
    ["bytes outside the file", safetensors({ w: f32([4], 0, 16) }, 4), /outside the file/],
    ["offsets in the wrong order", safetensors({ w: f32([1], 4, 0) }, 4), /outside the file/],
    ["offsets of another kind", safetensors({ w: f32([1], "0", 4) }, 4), /data_offsets/],
    ["an overlap", safetensors({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12), /overlap/],
    ["a hole", safetensors({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), /hole/],
    ["bytes behind the last tensor", safetensors({ a: f32([1], 0, 4) }, 8), /end at byte/],
  ])("%s is refused", async (_, file, reason) => {
    expect((await refusal("bad.safetensors", file))?.describe()).toMatch(reason);
  });

  it("names the tensor", async () => {
    const error = await refusal("bad.safetensors", safetensors({ "fc.weight": f32([2], 0, 4) }, 4));
    expect(error?.place.tensor).toBe("fc.weight");
  });

  it("a tensor named __proto__ is only a name", async () => {
    const header = '{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
    expect(await readBytes("proto.safetensors", safetensors(header, 4))).toBe(1);
  });
});

describe("pickles that would run code", () => {
  it.each([
    ["posix", "system"],
    ["os", "system"],
    ["nt", "system"],
    ["subprocess", "Popen"],
    ["builtins", "eval"],
    ["builtins", "exec"],
    ["__builtin__", "eval"],
    ["runpy", "_run_code"],
  ])("%s.%s is refused by name", async (module, name) => {
    const call = bytes("c", `${module}\n${name}\n`, unicode("touch /tmp/owned"), 0x85, "R");
    const error = await refusal("evil.pt", torchZip(dictionary(call)));
    expect(error?.message).toContain(`${module}.${name}`);
    expect(error?.message).toContain("not run");
  });

  it("the same through STACK_GLOBAL and NEWOBJ", async () => {
    const call = bytes(unicode("posix"), unicode("system"), 0x93, unicode("id"), 0x85, 0x81);
    const error = await refusal("evil.pt", torchZip(dictionary(call)));
    expect(error?.message).toContain("posix.system");
  });

  it("other classes stay inert data beside the weights", async () => {
    const pickle = bytes(
      0x80,
      2,
      "}",
      unicode("hook"),
      bytes("cmymodule\nmake_hook\n", unicode("x"), 0x85, "R}", unicode("__class__"), "K\u0001sb"),
      "s",
      unicode("weight"),
      tensorPickle(2, 0, [2], [1]),
      "s.",
    );
    expect(await readBytes("inert.pt", torchZip(pickle, { "0": new Uint8Array(8) }))).toBe(1);
  });

  it("names of JavaScript's own objects mean nothing", async () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
      const call = bytes(`ctorch\n${name}\n)R`);
      expect((await refusal("names.pt", torchZip(dictionary(call))))?.message).toMatch(
        /no model weights/,
      );
    }
  });
});

describe("lying PyTorch files", () => {
  const weight = (
    count: number,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) =>
    torchZip(dictionary(tensorPickle(count, offset, shape, strides)), { "0": new Uint8Array(24) });

  it("an honest one is read", async () => {
    expect(await readBytes("good.pt", weight(6, 0, [2, 3], [3, 1]))).toBe(1);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["a storage larger than its entry", weight(7, 0, [2, 3], [3, 1]), /claims 28 bytes/],
    ["a view beyond its storage", weight(6, 1, [2, 3], [3, 1]), /beyond its storage/],
    ["strides beyond the storage", weight(6, 0, [2, 3], [2 ** 30, 1]), /beyond its storage/],
    ["an enormous broadcast", weight(6, 0, [2 ** 30], [0]), /repeats a storage/],
    ["a negative size", weight(6, 0, [-1 >>> 0, 3], [3, 1]), /shape|sizes/],
    ["strides of another rank", weight(6, 0, [2, 3], [1]), /shape or strides/],
    ["a storage that is missing", torchZip(dictionary(tensorPickle(6, 0, [6], [1]))), /missing/],
    ["no pickle", torchZip(bytes()), /ends too early/],
    ["a pickle that never ends", torchZip(bytes(0x80, 2, "}")), /ends too early/],
    ["a pickle of protocol 9", torchZip(bytes(0x80, 9, "}.")), /newer than 5/],
    ["an unknown opcode", torchZip(bytes(0x80, 2, 0xff)), /opcode 0xff/],
    ["a call of a number", torchZip(dictionary(bytes("K\u0001)R"))), /no model weights/],
    ["an empty stack", torchZip(bytes(0x80, 2, "0.")), /takes more values/],
    ["a mark that was never set", torchZip(bytes(0x80, 2, "t.")), /never opened/],
    ["an unknown memo", torchZip(bytes(0x80, 2, "h\u0007.")), /never stored/],
    ["an enormous text", torchZip(bytes(0x80, 2, "X", uint32(0x7fffffff), ".")), /ends too early/],
    ["a negative length", torchZip(bytes(0x80, 2, "B", uint32(0xfffffff0), ".")), /ends too early/],
    [
      "an enormous integer",
      torchZip(bytes(0x80, 2, 0x8b, uint32(5000), new Uint8Array(5000), ".")),
      /integer of 5000/,
    ],
    ["a foreign persistent id", torchZip(dictionary(bytes("K\u0001Q"))), /no storage/],
  ])("%s is refused", async (_, file, reason) => {
    expect((await refusal("bad.pt", file))?.describe()).toMatch(reason);
  });

  it("millions of containers from a few bytes are refused, not allocated", async () => {
    const flood = new Uint8Array(8_000_000).fill(0x7d);
    const error = await refusal("flood.pt", torchZip(bytes(0x80, 2, "("), {}, 0));
    expect(error).toBeDefined();
    const file = new Uint8Array(flood.length + 2);
    file.set([0x80, 2]);
    file.set(flood, 2);
    expect((await refusal("flood.pt", torchZip(file)))?.message).toMatch(/more values/);
  });

  it("a small call that copies a large list again and again is refused", async () => {
    const list = bytes("](", ...Array(20_000).fill("K\u0001"), "eq\u0001");
    const copies = Array(2000).fill(bytes("cbuiltins\nset\nh\u0001", 0x85, "R0"));
    const error = await refusal("copies.pt", torchZip(bytes(0x80, 2, list, ...copies, "}.")));
    expect(error?.message).toMatch(/more values/);
  });

  it("shared references do not multiply", async () => {
    // Each level holds the one below twice: 2^60 paths, 60 dictionaries.
    const level = (depth: number): Uint8Array =>
      depth === 0
        ? bytes("}", unicode("w"), tensorPickle(1, 0, [1], [1]), "sq\u0000")
        : bytes(
            level(depth - 1),
            "0}",
            unicode("a"),
            "h",
            depth - 1,
            "s",
            unicode("b"),
            "h",
            depth - 1,
            "sq",
            depth,
          );
    const file = torchZip(bytes(0x80, 2, level(20), "."), { "0": new Uint8Array(4) });
    expect(await readBytes("dag.pt", file)).toBe(1);
  });

  it("a dictionary that contains itself ends", async () => {
    const loop = bytes(
      0x80,
      2,
      "}q\u0000",
      unicode("self"),
      "h\u0000s",
      unicode("w"),
      tensorPickle(1, 0, [1], [1]),
      "s.",
    );
    expect(await readBytes("loop.pt", torchZip(loop, { "0": new Uint8Array(4) }))).toBe(1);
  });
});

describe("lying archives", () => {
  const honest = torchZip(
    dictionary(tensorPickle(1_000_000, 0, [1_000_000], [1])),
    { "0": new Uint8Array(4_000_000) },
    6,
  );

  /** Changes the sizes that the central directory gives for the entry whose name ends so. */
  function lie(file: Uint8Array, name: string, change: (view: DataView, header: number) => void) {
    const copy = file.slice();
    const view = new DataView(copy.buffer);
    for (let at = 0; at < copy.length - 46; at++) {
      if (view.getUint32(at, true) === 0x02014b50) {
        const length = view.getUint16(at + 28, true);
        if (new TextDecoder().decode(copy.subarray(at + 46, at + 46 + length)).endsWith(name)) {
          change(view, at);
        }
      }
    }
    return copy;
  }

  it("zip64 entries are read, as torch writes them beyond 4 GB", async () => {
    const file = torchZip(dictionary(tensorPickle(2, 0, [2], [1])), { "0": new Uint8Array(8) });
    expect(await readBytes("zip64.pt", toZip64(file))).toBe(1);
    const lying = toZip64(file, 2 ** 40);
    expect((await refusal("zip64.pt", lying))?.message).toMatch(/outside the file|damaged/);
  });

  it("packed entries are read", async () => {
    expect(honest.length).toBeLessThan(10_000);
    expect(await readBytes("packed.pt", honest)).toBe(1);
  });

  it.each<[string, Uint8Array, RegExp]>([
    [
      "a ratio that deflate cannot reach",
      lie(honest, "data/0", (v, h) => v.setUint32(h + 24, 0x7fffffff, true)),
      /beyond the limit/,
    ],
    [
      "an entry that unpacks to more than it says",
      lie(honest, "data/0", (v, h) => v.setUint32(h + 24, 3_999_996, true)),
      /claims 4000000 bytes/,
    ],
    [
      "an entry that unpacks to less than it says",
      lie(honest, "data/0", (v, h) => v.setUint32(h + 24, 4_000_004, true)),
      /unpacks to 4000000/,
    ],
    [
      "an entry behind the end",
      lie(honest, "data/0", (v, h) => v.setUint32(h + 42, 0x7ffffff0, true)),
      /outside the file/,
    ],
    [
      "an unknown method",
      lie(honest, "data/0", (v, h) => v.setUint16(h + 10, 12, true)),
      /method 12/,
    ],
    [
      "an encrypted entry",
      lie(honest, "data/0", (v, h) => v.setUint16(h + 8, 1, true)),
      /encrypted/,
    ],
    [
      "a wrong checksum",
      lie(honest, "data.pkl", (v, h) => v.setUint32(h + 16, 12345, true)),
      /checksum/,
    ],
    [
      "a pickle that unpacks to a gigabyte",
      lie(honest, "data.pkl", (v, h) => v.setUint32(h + 24, 2 ** 30, true)),
      /beyond the limit|at most/,
    ],
    [
      "no archive behind the first bytes",
      bytes("PK\u0003\u0004", new Uint8Array(60)),
      /zip archive is damaged/,
    ],
  ])("%s is refused", async (_, file, reason) => {
    expect((await refusal("bad.pt", file))?.describe()).toMatch(reason);
  });
});

/** Moves sizes and offsets of the central directory into zip64 fields (APPNOTE 4.5.3), as large files have them. */
function toZip64(file: Uint8Array, addToSizes = 0): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const end = file.length - 22;
  const [count, start] = [view.getUint16(end + 10, true), view.getUint32(end + 16, true)];
  const parts: Uint8Array[] = [file.subarray(0, start)];
  let at = start;
  for (let entry = 0; entry < count; entry++) {
    const nameLength = view.getUint16(at + 28, true);
    const extra = new DataView(new ArrayBuffer(28));
    extra.setUint16(0, 1, true);
    extra.setUint16(2, 24, true);
    extra.setBigUint64(4, BigInt(view.getUint32(at + 24, true) + addToSizes), true);
    extra.setBigUint64(12, BigInt(view.getUint32(at + 20, true) + addToSizes), true);
    extra.setBigUint64(20, BigInt(view.getUint32(at + 42, true)), true);
    const header = file.slice(at, at + 46 + nameLength);
    const out = new DataView(header.buffer);
    for (const offset of [20, 24, 42]) {
      out.setUint32(offset, 0xffffffff, true);
    }
    at += 46 + nameLength + view.getUint16(at + 30, true);
    out.setUint16(30, 28, true);
    parts.push(header, new Uint8Array(extra.buffer));
  }
  return bytes(...parts, file.subarray(end)).map((byte, index, all) => {
    // The directory grew: write its new size into the end record.
    const size = parts.slice(1).reduce((sum, part) => sum + part.length, 0);
    const field = index - (all.length - 22 + 12);
    return field >= 0 && field < 4 ? (size >>> (8 * field)) & 255 : byte;
  });
}

describe("truncated files", () => {
  it.each([
    "types.safetensors",
    "trained-adam.pt",
    "packed.pt",
    "plain-legacy.pth",
    "lightning.ckpt",
  ])("%s is refused wherever it ends", async (file) => {
    const whole = readFileSync(join(golden, file));
    for (let length = 0; length < whole.length; length += Math.ceil(whole.length / 97)) {
      const error = await refusal(file, whole.subarray(0, length));
      expect([length, error?.kind]).toEqual([length, "checkpoint"]);
    }
  });
});

describe("files of other kinds", () => {
  it.each<[string, Uint8Array, RegExp]>([
    [
      "weights.h5",
      bytes(0x89, "HDF\r\n", 0x1a, "\n", new Uint8Array(20)),
      /HDF5 file cannot be read/,
    ],
    ["notes.txt", bytes("hello, this is no checkpoint"), /safetensors, PyTorch.*ONNX/],
    ["empty.pt", bytes(), /not written by torch\.save/],
    ["pickle.pt", bytes(0x80, 2, "}."), /not written by torch\.save/],
    ["text.pt", bytes("hello, this is no checkpoint"), /not written by torch\.save/],
  ])("%s is refused with what is read instead", async (name, file, reason) => {
    expect((await refusal(name, file))?.describe()).toMatch(reason);
  });
});
