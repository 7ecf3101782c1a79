/** The contents of the fields `wanted` of a protobuf message that have a length, as views, also of fields that our library does not know. Throws `RangeError` where the bytes are no message. */
export function* messages(bytes: Uint8Array, wanted: number): Generator<Uint8Array> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; factor < 2 ** 64; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) {
        break;
      }
      value += (byte & 127) * factor;
      if (byte < 128) {
        return value;
      }
    }
    throw new RangeError("no number");
  };
  while (at < bytes.length) {
    const tag = varint();
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    if (type === 0) {
      varint();
      continue;
    }
    const length = type === 2 ? varint() : type === 1 ? 8 : type === 5 ? 4 : Number.NaN;
    if (!(at + length <= bytes.length)) {
      throw new RangeError("no field");
    }
    if (number === wanted && type === 2) {
      yield bytes.subarray(at, at + length);
    }
    at += length;
  }
}
