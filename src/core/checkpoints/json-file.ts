import { FileSource } from "../formats/source.ts";

/** Far above what trainers write; the longest real logs have some megabytes. */
const largest = 64 * 2 ** 20;

/** Reads a JSON file of a trainer. Throws kind `checkpoint` when it is too large or no JSON. */
export async function readJson(path: string, file: string): Promise<unknown> {
  const source = await FileSource.open(path, file);
  try {
    if (source.size > largest) {
      throw source.error(`The file has ${source.size} bytes; at most ${largest} are read.`);
    }
    const bytes = await source.read(0, source.size);
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch (error) {
      throw source.error(
        `This is not valid JSON: ${error instanceof Error ? error.message : error}`,
      );
    }
  } finally {
    await source.close();
  }
}

/** A property of a JSON object; undefined for anything else. */
export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
