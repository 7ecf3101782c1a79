import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";

/** Takes out of a library what the platform it is packaged for has no use for; says what could not be done, if anything. */
export async function slim(file, cpu) {
  if (file.endsWith(".so")) {
    return stripSymbols(file);
  }
  if (file.endsWith(".dylib")) {
    await thin(file, cpu);
  }
  return undefined;
}

/** Linux libraries come with symbol tables that only a debugger reads: 11 MB of 70 in DuckDB's. */
function stripSymbols(file) {
  return spawnSync("strip", ["--strip-unneeded", file]).status === 0
    ? undefined
    : "strip (binutils) does not do this platform here: the package is about 3 MB larger than it could be.";
}

const UNIVERSAL = 0xcafebabe;
const PROCESSORS = { x64: 0x01000007, arm64: 0x0100000c };

/**
 * Keeps one processor's part of a universal library of macOS; a part is a whole library with its own signature.
 * Format: mach-o/fat.h, big-endian: magic, count, then processor, variant, offset, size and alignment of each part.
 */
async function thin(file, cpu) {
  const bytes = await readFile(file);
  if (bytes.readUInt32BE(0) !== UNIVERSAL) {
    return;
  }
  for (let part = 0; part < bytes.readUInt32BE(4); part++) {
    const entry = 8 + 20 * part;
    if (bytes.readUInt32BE(entry) === PROCESSORS[cpu]) {
      const offset = bytes.readUInt32BE(entry + 8);
      await writeFile(file, bytes.subarray(offset, offset + bytes.readUInt32BE(entry + 12)));
      return;
    }
  }
  throw new Error(`${file} has no part for ${cpu}.`);
}
