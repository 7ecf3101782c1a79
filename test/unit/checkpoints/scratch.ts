import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Zippable, zipSync } from "fflate";
import { afterAll, expect } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { TracInError } from "../../../src/core/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "tracin-hostile-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes bytes to a scratch file, opens it as a checkpoint and reads every tensor. */
export async function readBytes(name: string, bytes: Uint8Array): Promise<number> {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  const checkpoint = await openCheckpoint(path, name);
  try {
    for (const tensor of checkpoint.tensors.keys()) {
      await checkpoint.read(tensor);
    }
    return checkpoint.tensors.size;
  } finally {
    await checkpoint.close();
  }
}

/** The error with which a file is refused; anything but a TracInError that names the file fails the test. */
export async function refusal(name: string, bytes: Uint8Array): Promise<TracInError | undefined> {
  try {
    await readBytes(name, bytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof TracInError) || error.kind === "internal") {
      throw error;
    }
    expect(error.place.file).toBe(name);
    return error;
  }
}

/** A file as torch.save lays it out. Level 0 stores entries, as torch does. */
export function torchZip(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
  level: 0 | 6 = 0,
): Uint8Array {
  const entries: Zippable = { "archive/data.pkl": pickle };
  for (const [key, bytes] of Object.entries(storages)) {
    entries[`archive/data/${key}`] = bytes;
  }
  return zipSync(entries, { level });
}

/** Bytes from text (one byte a character) and numbers. */
export function bytes(...parts: (string | number | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === "number"
        ? [part]
        : typeof part === "string"
          ? Array.from(part, (character) => character.charCodeAt(0))
          : [...part],
    ),
  );
}

/** A pickled BINUNICODE. */
export function unicode(text: string): Uint8Array {
  return bytes("X", uint32(text.length), text);
}

export function uint32(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

/** A pickled `_rebuild_tensor_v2` of float32 with a storage of `count` elements. */
export function tensorPickle(
  count: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array {
  const int = (value: number) => bytes("J", uint32(value));
  const tuple = (values: readonly number[]) => bytes("(", ...values.map(int), "t");
  return bytes(
    "ctorch._utils\n_rebuild_tensor_v2\n((",
    unicode("storage"),
    "ctorch\nFloatStorage\n",
    unicode("0"),
    unicode("cpu"),
    int(count),
    "tQ",
    int(offset),
    tuple(shape),
    tuple(strides),
    0x89,
    "}tR",
  );
}

/** `{"weight": value}` as a pickle of protocol 2. */
export function dictionary(value: Uint8Array): Uint8Array {
  return bytes(0x80, 2, "}", unicode("weight"), value, "s.");
}
