import { TracInError } from "../../errors.ts";
import type { FileSource } from "../../formats/source.ts";
import { bytesPerElement, type DataType } from "../../graph/tensor.ts";
import { torchHandlers } from "./globals.ts";
import { PickleError, type PickleHandlers, readPickle } from "./pickle.ts";
import type { Saved } from "./pytorch.ts";
import { Storage, type Value } from "./values.ts";

/** `torch.serialization.MAGIC_NUMBER`. */
const magicNumber = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;
/** PROTO, with which every pickle of protocol 2 or later starts. */
const protocolOpcode = 0x80;
const maximumPickle = 128 * 2 ** 20;

/**
 * Reads the form that `torch.save` wrote before version 1.6: five pickles (magic number, protocol version,
 * system, object, storage keys), then each storage as an int64 count and its elements.
 */
export async function readLegacy(source: FileSource): Promise<Saved> {
  const lengths = new Map<string, { length: number; dtype: DataType }>();
  const handlers: PickleHandlers = {
    call: torchHandlers.call,
    persistent(id) {
      const storage = torchHandlers.persistent(id);
      if (storage instanceof Storage && Array.isArray(id)) {
        lengths.set(storage.key, { length: Number(id[4]), dtype: storage.dtype });
      }
      return storage;
    },
  };
  const { values, end } = await readPickles(source, 5, handlers);
  const [, , system, value = null, keys] = values;
  const bigEndian = system instanceof Map && system.get("little_endian") === false;
  const places = await locate(source, Array.isArray(keys) ? keys : [], lengths, bigEndian, end);
  const place = (storage: Storage) => places.get(storage.key);
  return {
    value,
    storages: {
      bigEndian,
      size: (storage) => place(storage)?.size,
      read: (storage, offset, length) =>
        source.read((place(storage)?.start ?? source.size) + offset, length),
    },
    close() {},
  };
}

/** The pickles' lengths are not told: read more of the file until they parse. */
async function readPickles(source: FileSource, count: number, handlers: PickleHandlers) {
  const [first] = await source.read(0, Math.min(1, source.size));
  if (first !== protocolOpcode) {
    throw notTorch(source);
  }
  const available = Math.min(source.size, maximumPickle);
  for (let size = Math.min(2 ** 20, available); ; size = Math.min(size * 4, available)) {
    const bytes = await source.read(0, size);
    try {
      const values: Value[] = [];
      let end = 0;
      for (let index = 0; index < count; index++) {
        const pickle = readPickle(bytes, handlers, end);
        values.push(pickle.value);
        end = pickle.end;
        checkStart(source, values);
      }
      return { values, end };
    } catch (error) {
      if (!(error instanceof PickleError)) {
        throw error;
      }
      if (!error.truncated || size === available) {
        throw source.error(error.message, error.offset);
      }
    }
  }
}

function checkStart(source: FileSource, values: readonly Value[]): void {
  const [magic, version] = values;
  if (magic !== magicNumber) {
    throw notTorch(source);
  }
  if (values.length >= 2 && version !== protocolVersion) {
    throw source.error(`The file has the torch.save protocol ${String(version)}; 1001 is read.`);
  }
}

function notTorch(source: FileSource): TracInError {
  return new TracInError(
    "checkpoint",
    "This file was not written by torch.save: it is neither its zip archive nor its stream of pickles.",
    { file: source.file },
    "Save the weights with torch.save(model.state_dict(), path) or as safetensors.",
  );
}

async function locate(
  source: FileSource,
  keys: readonly Value[],
  lengths: ReadonlyMap<string, { readonly length: number; readonly dtype: DataType }>,
  bigEndian: boolean,
  start: number,
): Promise<ReadonlyMap<string, { readonly start: number; readonly size: number }>> {
  const places = new Map<string, { start: number; size: number }>();
  let position = start;
  for (const key of keys) {
    const known = lengths.get(String(key));
    if (!known || places.has(String(key))) {
      throw source.error(
        `The file's list of storages has the unknown key "${String(key)}".`,
        position,
      );
    }
    const header = await source.read(position, 8);
    const count = Number(new DataView(header.buffer).getBigInt64(0, !bigEndian));
    const size = count * bytesPerElement[known.dtype];
    if (count < 0 || position + 8 + size > source.size) {
      throw source.error(
        `A storage claims ${count} elements, but the file ends at byte ${source.size}.`,
        position,
      );
    }
    places.set(String(key), { start: position + 8, size });
    position += 8 + size;
  }
  return places;
}
