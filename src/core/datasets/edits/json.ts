import type { Span } from "./csv.ts";

/**
 * Where the value of a key stands in the text of one JSON object; the last one where the key is repeated, as JSON.parse has
 * it. Only keys of the object itself count. The text must be valid JSON.
 */
export function jsonValue(text: string, key: string): Span | undefined {
  let found: Span | undefined;
  let at = skipSpace(text, text.indexOf("{") + 1);
  while (text[at] === '"') {
    const end = skipString(text, at);
    const name: unknown = JSON.parse(text.slice(at, end));
    const start = skipSpace(text, skipSpace(text, end) + 1);
    const valueEnd = skipValue(text, start);
    if (name === key) {
      found = { start, end: valueEnd };
    }
    at = skipSpace(text, valueEnd);
    at = text[at] === "," ? skipSpace(text, at + 1) : text.length;
  }
  return found;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (/[ \t\r\n]/.test(text[at] ?? "x")) {
    at++;
  }
  return at;
}

/** Behind the string that begins at a quote. */
function skipString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') {
    at += text[at] === "\\" ? 2 : 1;
  }
  return at + 1;
}

/** Behind the value that begins here; nested ones are passed over, strings in them included. */
function skipValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const character = text[at] ?? "";
    if (character === '"') {
      at = skipString(text, at);
      if (depth === 0) {
        return at;
      }
      continue;
    }
    if (depth === 0 && /[,}\s]/.test(character)) {
      return at;
    }
    depth += "[{".includes(character) ? 1 : "]}".includes(character) ? -1 : 0;
    at++;
    if (depth === 0 && "]}".includes(character)) {
      return at;
    }
  }
  return at;
}
