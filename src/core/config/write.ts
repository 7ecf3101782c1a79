import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { TracInError } from "../errors.ts";
import { resolveInside } from "../paths.ts";
import type { Config } from "./config.ts";
import { configFile, parseConfig } from "./load.ts";

/** Lists that fit on a line stay on it, as a person writes them. */
const lineWidth = 100;

/**
 * Writes `tracin.json` at the workspace root: whole or not at all, without `$schema`, formatted. What is
 * written is what {@link parseConfig} reads. Throws kind `config` for a configuration that is not valid, or when
 * the file cannot be written.
 */
export async function writeConfig(root: string, config: Config): Promise<void> {
  const text = formatConfig(config);
  parseConfig(text);
  const path = await resolveInside(root, configFile);
  const aside = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(aside, text, { flag: "wx" });
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw new TracInError(
      "config",
      `${configFile} cannot be written: ${error instanceof Error ? error.message : error}`,
      { file: configFile },
      "Check that the folder can be written to.",
      { cause: error },
    );
  }
}

/** The text of a configuration: keys in the order in which the documentation tells them. */
export function formatConfig(config: Config): string {
  const { model, checkpoints, loss, layers, frozen, data, features, labels } = config;
  return `${format({ model, checkpoints, loss, layers, frozen, data, features, labels }, 0, 0)}\n`;
}

/** JSON whose arrays and objects stay on one line where they fit. */
function format(value: unknown, indent: number, column: number): string {
  const flat = flatten(value);
  if (indent > 0 && column + flat.length < lineWidth) {
    return flat;
  }
  const inner = " ".repeat(indent + 2);
  const end = `\n${" ".repeat(indent)}`;
  if (Array.isArray(value)) {
    const items = value.map((item) => inner + format(item, indent + 2, indent + 2));
    return items.length === 0 ? "[]" : `[\n${items.join(",\n")}${end}]`;
  }
  if (typeof value === "object" && value !== null) {
    const items = entries(value).map(([key, item]) => {
      const start = `${inner}${JSON.stringify(key)}: `;
      return start + format(item, indent + 2, start.length);
    });
    return items.length === 0 ? "{}" : `{\n${items.join(",\n")}${end}}`;
  }
  return flat;
}

function flatten(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(flatten).join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const items = entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${flatten(item)}`);
    return items.length === 0 ? "{}" : `{ ${items.join(", ")} }`;
  }
  return JSON.stringify(value);
}

function entries(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, item]) => item !== undefined);
}
