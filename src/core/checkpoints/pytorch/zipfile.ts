import { TracInError } from "../../errors.ts";
import type { FileSource } from "../../formats/source.ts";
import { ZipArchive } from "../../formats/zip.ts";
import { torchHandlers } from "./globals.ts";
import { PickleError, readPickle } from "./pickle.ts";
import type { Saved } from "./pytorch.ts";

/** The pickle holds the table of contents alone; the largest real ones have a few megabytes. */
const maximumPickle = 128 * 2 ** 20;

/** Reads the zip form of `torch.save`: `<name>/data.pkl`, `<name>/data/<key>`, `<name>/byteorder`. */
export async function readZip(path: string, source: FileSource): Promise<Saved> {
  const zip = await ZipArchive.open(path, source);
  try {
    const folder = findFolder(source, zip);
    const pickle = `${folder}data.pkl`;
    const bytes = await zip.readAll(pickle, maximumPickle);
    let bigEndian = false;
    if (zip.has(`${folder}byteorder`)) {
      const order = await zip.readAll(`${folder}byteorder`, 64);
      bigEndian = new TextDecoder().decode(order).trim() === "big";
    }
    const entry = (key: string) => `${folder}data/${key}`;
    return {
      value: parse(source, pickle, bytes),
      storages: {
        bigEndian,
        size: (storage) => zip.size(entry(storage.key)),
        read: (storage, offset, length) => zip.read(entry(storage.key), offset, length),
      },
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

function findFolder(source: FileSource, zip: ZipArchive): string {
  const pickles = [...zip.names].filter((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    throw new TracInError(
      "checkpoint",
      "This zip archive was not written by torch.save: it has no single data.pkl.",
      { file: source.file },
      "Save the weights with torch.save(model.state_dict(), path) or as safetensors.",
    );
  }
  const folder = pickle.slice(0, -"data.pkl".length);
  if (zip.has(`${folder}constants.pkl`)) {
    throw new TracInError(
      "checkpoint",
      "This is a TorchScript program, not a checkpoint.",
      { file: source.file },
      "Save the weights instead: torch.save(model.state_dict(), path).",
    );
  }
  return folder;
}

function parse(source: FileSource, entry: string, bytes: Uint8Array) {
  try {
    return readPickle(bytes, torchHandlers).value;
  } catch (error) {
    if (error instanceof PickleError) {
      throw source.error(`${error.message} (At byte ${error.offset} of its entry ${entry}.)`);
    }
    throw error;
  }
}
