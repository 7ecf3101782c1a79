import { createHash } from "node:crypto";

/** Random 32-bit words that are the same for equal keys, on every machine: xoshiro128**, seeded by SHA-256 of the key. */
function randomWords(key: string): () => number {
  const seed = createHash("sha256").update(key).digest();
  let [a, b, c, d] = [0, 4, 8, 12].map((at) => seed.readUInt32LE(at)) as [
    number,
    number,
    number,
    number,
  ];
  // The one state that the generator never leaves.
  d = (a | b | c | d) === 0 ? 1 : d;
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
}

/** `count` numbers that are +size or -size, each with probability 1/2. */
export function randomSigns(key: string, count: number, size = 1): Float32Array {
  const next = randomWords(key);
  const signs = new Float32Array(count);
  for (let start = 0; start < count; start += 32) {
    const word = next();
    const end = Math.min(count, start + 32);
    for (let index = start; index < end; index++) {
      signs[index] = ((word >>> (index - start)) & 1) === 0 ? size : -size;
    }
  }
  return signs;
}

/** `count` different numbers below `total`, ascending; all of them where there are no more. */
export function randomSample(key: string, total: number, count: number): readonly number[] {
  if (count >= total) {
    return Array.from({ length: total }, (_, index) => index);
  }
  const next = randomWords(key);
  const chosen = new Set<number>();
  // Floyd's algorithm: each subset is as likely as any other.
  for (let last = total - count; last < total; last++) {
    const drawn = Math.floor((next() / 2 ** 32) * (last + 1));
    chosen.add(chosen.has(drawn) ? last : drawn);
  }
  return [...chosen].sort((a, b) => a - b);
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
