import { readFileSync, writeFileSync } from "node:fs";

/** The document with what the bench has found. */
export const documentFile = "docs/performance.md";

/** Begin and end of a generated part of the document. */
const begin = (name: string) => `<!-- bench:${name} -->`;
const end = (name: string) => `<!-- end of bench:${name} -->`;

/** The document with the part of a name replaced. Throws where it has no such part. */
export function withPart(document: string, name: string, content: string): string {
  const from = document.indexOf(begin(name));
  const to = document.indexOf(end(name));
  if (from === -1 || to < from) {
    throw new Error(
      `${documentFile} has no place for ${name}: "${begin(name)}" and "${end(name)}".`,
    );
  }
  return `${document.slice(0, from + begin(name).length)}\n${content.trim()}\n${document.slice(to)}`;
}

/** Writes one part of the document; the others stay as they are. */
export function writePart(name: string, content: string): void {
  writeFileSync(documentFile, withPart(readFileSync(documentFile, "utf8"), name, content));
}
