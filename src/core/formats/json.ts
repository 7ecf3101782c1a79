import type { ErrorKind } from "../errors.ts";
import { TracInError } from "../errors.ts";

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Deeper nesting would only serve to exhaust the stack of whoever walks through it. */
const maximumDepth = 512;

/**
 * Parses a JSON object as Python writes it, where infinities are numbers too; NaN becomes null.
 * @param part what the text is, for the message: `config.json`
 * Throws `kind` with the file.
 */
export function parseJsonObject(
  text: string,
  part: string,
  file: string,
  kind: ErrorKind,
): JsonObject {
  try {
    const value: Json = JSON.parse(standardise(text));
    if (!isJsonObject(value)) {
      throw new SyntaxError("it is no object");
    }
    return value;
  } catch (error) {
    throw new TracInError(
      kind,
      `The JSON of ${part} cannot be read: ${error instanceof Error ? error.message : error}.`,
      { file },
      "The file may be damaged or incomplete: save or copy it again.",
    );
  }
}

/** Text with `Infinity` as a number that overflows to it and `NaN` as null. Throws a `SyntaxError` for deep nesting. */
function standardise(text: string): string {
  const parts: string[] = [];
  let done = 0;
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (quoted) {
      index += character === "\\" ? 1 : 0;
      quoted = character !== '"';
    } else if (character === '"') {
      quoted = true;
    } else if (character === "{" || character === "[") {
      if (++depth > maximumDepth) {
        throw new SyntaxError(`it is nested more than ${maximumDepth} levels deep`);
      }
    } else if (character === "}" || character === "]") {
      depth--;
    } else if (character === "I" || character === "N") {
      const [name, value] = character === "I" ? ["Infinity", "1e999"] : ["NaN", "null"];
      if (text.startsWith(name, index)) {
        parts.push(text.slice(done, index), value);
        done = index + name.length;
        index = done - 1;
      }
    }
  }
  return parts.join("") + text.slice(done);
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member that is an object, or undefined. */
export function objectAt(value: JsonObject | undefined, key: string): JsonObject | undefined {
  const member = memberAt(value, key);
  return isJsonObject(member) ? member : undefined;
}

/** A member that is text, or undefined. */
export function textAt(value: JsonObject | undefined, key: string): string | undefined {
  const member = memberAt(value, key);
  return typeof member === "string" ? member : undefined;
}

/** An object's own member, or undefined. */
export function memberAt(value: JsonObject | undefined, key: string): Json | undefined {
  return value !== undefined && Object.hasOwn(value, key) ? value[key] : undefined;
}
