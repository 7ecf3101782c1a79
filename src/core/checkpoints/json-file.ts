import { basename } from "node:path";
import { type JsonObject, parseJsonObject } from "../formats/json.ts";
import { FileSource } from "../formats/source.ts";

/** Far above what trainers write; the longest real logs have some megabytes. */
const largest = 64 * 2 ** 20;

/** Reads a JSON file of a trainer. Throws kind `checkpoint` when it is too large or holds no object. */
export async function readJson(path: string, file: string): Promise<JsonObject> {
  const source = await FileSource.open(path, file);
  try {
    if (source.size > largest) {
      throw source.error(`The file has ${source.size} bytes; at most ${largest} are read.`);
    }
    const text = new TextDecoder().decode(await source.read(0, source.size));
    return parseJsonObject(text, basename(file), file, "checkpoint");
  } finally {
    await source.close();
  }
}
