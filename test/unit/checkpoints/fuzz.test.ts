import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { unzipSync, type Zippable, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { refusal } from "./scratch.ts";

const golden = join(import.meta.dirname, "../golden/checkpoints");
const cases = 120;

/** A small seeded generator (mulberry32), so that a failing case can be run again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Changes one to eight bytes, or cuts out or repeats a piece. */
function mutate(original: Uint8Array, next: () => number): Uint8Array {
  const below = (limit: number) => Math.floor(next() * limit);
  const copy = Array.from(original);
  const kind = below(4);
  if (kind === 0) {
    copy.splice(below(copy.length), 1 + below(16));
  } else if (kind === 1) {
    const start = below(copy.length);
    copy.splice(below(copy.length), 0, ...copy.slice(start, start + 1 + below(32)));
  } else {
    for (let change = below(8); change >= 0; change--) {
      copy[below(copy.length)] = [0, 255, 127, 128, below(256)][below(5)] ?? 0;
    }
  }
  return Uint8Array.from(copy);
}

/** Mutates the pickle inside an archive and packs it again, so that no checksum protects it. */
function mutatePickle(file: Uint8Array, next: () => number): Uint8Array {
  const entries: Zippable = {};
  for (const [name, content] of Object.entries(unzipSync(file))) {
    entries[name] = name.endsWith("data.pkl") ? mutate(content, next) : content;
  }
  return zipSync(entries, { level: 0 });
}

describe("damaged bytes give an error with the file's name, or are not noticed; never anything else", () => {
  it.each([
    ["types.safetensors", mutate],
    ["plain.safetensors", mutate],
    ["trained-adam.pt", mutate],
    ["packed.pt", mutate],
    ["plain-legacy.pth", mutate],
    ["views-legacy.pt", mutate],
    ["views.pt", mutatePickle],
    ["lightning.ckpt", mutatePickle],
    ["types-protocol5.pt", mutatePickle],
    ["../keras/adam.weights.h5", mutate],
    ["../keras/nested.weights.h5", mutate],
  ] as const)("%s (%o)", async (file, change) => {
    const original = new Uint8Array(readFileSync(join(golden, file)));
    let refused = 0;
    let slowest = 0;
    for (let seed = 1; seed <= cases; seed++) {
      const started = performance.now();
      if (await refusal(basename(file), change(original, random(seed)))) {
        refused++;
      }
      slowest = Math.max(slowest, performance.now() - started);
    }
    expect(refused).toBeGreaterThan(cases / 10);
    // Milliseconds for files of a few kB; a hang or a huge allocation would show.
    expect(slowest).toBeLessThan(3000);
  });
});
