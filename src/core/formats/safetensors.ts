import { TracInError } from "../errors.ts";
import { bytesPerElement, type DataType, formatShape, type Shape } from "../graph/tensor.ts";
import { countElements, type FileSource, isCount } from "./source.ts";

/** As the format's own reader has it. */
const maximumHeader = 100_000_000;

const dataTypes: Readonly<Record<string, DataType>> = {
  BOOL: "bool",
  U8: "uint8",
  I8: "int8",
  U16: "uint16",
  I16: "int16",
  F16: "float16",
  BF16: "bfloat16",
  U32: "uint32",
  I32: "int32",
  F32: "float32",
  U64: "uint64",
  I64: "int64",
  F64: "float64",
};

/** A tensor of a safetensors file and the bytes that it takes there. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: Shape;
  readonly start: number;
  readonly length: number;
}

/**
 * The table of contents of a safetensors file: 8 bytes of header length, a JSON header, then the tensors without holes
 * (https://github.com/huggingface/safetensors#format). It is validated as a whole. Throws with the place.
 */
export async function readSafetensorsHeader(source: FileSource) {
  if (source.size < 8) {
    throw source.error("The file is too short for a safetensors file.", 0);
  }
  const prefix = await source.read(0, 8);
  const headerLength = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (headerLength > maximumHeader || headerLength > source.size - 8) {
    throw source.error(
      `The header claims ${headerLength} bytes; the file has ${source.size - 8} after the length.`,
      0,
    );
  }
  const header = parseHeader(source, await source.read(8, headerLength));
  const dataStart = 8 + headerLength;
  const entries = new Map<string, SafetensorsEntry>();
  for (const [name, value] of Object.entries(header)) {
    if (name !== "__metadata__") {
      entries.set(name, readEntry(source, name, value, dataStart));
    }
  }
  checkLayout(source, entries, dataStart);
  const metadata = isRecord(header["__metadata__"]) ? header["__metadata__"] : {};
  return { entries, metadata: new Map<unknown, unknown>(Object.entries(metadata)) };
}

function parseHeader(source: FileSource, bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== 0x7b) {
    throw source.error("The header of a safetensors file must be a JSON object.", 8);
  }
  checkDepth(source, bytes);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw source.error(
      `The header is not valid JSON: ${error instanceof Error ? error.message : error}`,
      8,
    );
  }
  if (!isRecord(header)) {
    throw source.error("The header of a safetensors file must be a JSON object.", 8);
  }
  return header;
}

/** The header needs three levels; deep nesting would only serve to exhaust the parser's stack. */
function checkDepth(source: FileSource, bytes: Uint8Array): void {
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (quoted) {
      if (byte === 0x5c) {
        index++;
      } else if (byte === 0x22) {
        quoted = false;
      }
    } else if (byte === 0x22) {
      quoted = true;
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > 8) {
        throw source.error("The header is nested too deeply.", 8 + index);
      }
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
    }
  }
}

function readEntry(
  source: FileSource,
  name: string,
  value: unknown,
  dataStart: number,
): SafetensorsEntry {
  const fail = (message: string) => source.error(message, undefined, name);
  if (!isRecord(value)) {
    throw fail("The tensor's entry in the header is not an object.");
  }
  const { dtype: code, shape, data_offsets: offsets } = value;
  const dtype =
    typeof code === "string" && Object.hasOwn(dataTypes, code) ? dataTypes[code] : undefined;
  if (!dtype) {
    throw new TracInError(
      "checkpoint",
      `The tensor has the type ${String(code)}, which is not read.`,
      { file: source.file, tensor: name },
      "Save the checkpoint in float32, float16 or bfloat16.",
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount) || shape.length > 64) {
    throw fail("The tensor's shape is not a list of sizes.");
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw fail("The tensor's data_offsets are not two byte offsets.");
  }
  const [begin = 0, end = 0]: number[] = offsets;
  if (begin > end || dataStart + end > source.size) {
    throw fail(
      `The tensor's bytes ${begin} to ${end} lie outside the file, which has ${source.size - dataStart} bytes of data.`,
    );
  }
  const count = countElements(shape);
  if (count === undefined || count * bytesPerElement[dtype] !== end - begin) {
    throw fail(
      `The tensor's ${end - begin} bytes do not fit its shape ${formatShape(shape)} of ${dtype}.`,
    );
  }
  return { name, dtype, shape, start: dataStart + begin, length: end - begin };
}

/** The format demands that tensors cover the data without holes or overlaps. */
function checkLayout(
  source: FileSource,
  entries: ReadonlyMap<string, SafetensorsEntry>,
  dataStart: number,
): void {
  const sorted = [...entries.values()].sort((a, b) => a.start - b.start || a.length - b.length);
  let position = dataStart;
  for (const entry of sorted) {
    if (entry.start !== position) {
      throw source.error(
        entry.start < position
          ? "The tensor's bytes overlap those of another tensor."
          : "There is a hole in the data before this tensor.",
        position,
        entry.name,
      );
    }
    position += entry.length;
  }
  if (position !== source.size) {
    throw source.error(
      `The tensors end at byte ${position}, but the file has ${source.size} bytes.`,
      position,
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
