import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

/** A call of `l10n.t`, and its first argument where that is one plain string without escapes. */
const call = /\bl10n\.t\(\s*(?:(["'])((?:(?!\1)[^\\\n])*)\1\s*[,)])?/g;

/**
 * Every text that the extension host shows, under itself: what translators start from, and what VS Code shows where there is
 * no translation (`l10n/bundle.l10n.<language>.json`). Throws when a text cannot be collected.
 * @param root folder of the repository
 * @returns {Promise<Record<string, string>>}
 */
export async function hostTexts(root) {
  const texts = new Set();
  for (const entry of await readdir(path.join(root, "src"), { recursive: true })) {
    if (entry.endsWith(".ts")) {
      const source = await readFile(path.join(root, "src", entry), "utf8");
      for (const { 2: text, index } of source.matchAll(call)) {
        if (text === undefined) {
          const line = source.slice(0, index).split("\n").length;
          throw new Error(`src/${entry}:${line}: l10n.t wants its text as one plain string.`);
        }
        texts.add(text);
      }
    }
  }
  return Object.fromEntries([...texts].sort().map((text) => [text, text]));
}
