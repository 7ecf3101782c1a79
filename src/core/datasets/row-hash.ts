/**
 * A hash of a row's text, 53 bits in a number: the same for the bytes on disk and for the lines in an editor, which may
 * hold another kind of line end. Two 32-bit FNV-1a sums with different starts over the UTF-16 code units.
 *
 * It tells whether a row changed since it was scored; it does not protect against anybody who wants two rows to look alike.
 */
export function rowHash(text: string): number {
  const plain = text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
  let high = 0x811c9dc5;
  let low = 0x9747b28c;
  for (let i = 0; i < plain.length; i++) {
    const code = plain.charCodeAt(i);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x01000193);
    // The sums would go in step without it: the same change of both starts cancels out.
    low ^= low >>> 15;
  }
  return (mixed(high) >>> 11) * 2 ** 32 + mixed(low);
}

/** Spreads the last code units over all bits (the end of MurmurHash3). */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
