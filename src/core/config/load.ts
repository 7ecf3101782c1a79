import { readFile, stat } from "node:fs/promises";
import {
  findNodeAtLocation,
  type Node as JsonNode,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import { hasCode, TracInError } from "../errors.ts";
import { checkPattern, resolveInside } from "../paths.ts";
import { type Config, configSchema } from "./config.ts";
import { explainIssues } from "./explain.ts";
import { lossSettings, misplacedSetting } from "./loss.ts";

/** Name of the configuration file in a workspace. */
export const configFile = "tracin.json";

/** A configuration is written by hand; anything larger is not one. */
const largestConfig = 1 << 20;

/**
 * Reads and validates the configuration of a workspace (JSON with comments and trailing commas).
 * Throws kind `config` with file, line, key and what is expected.
 */
export async function loadConfig(root: string, file = configFile): Promise<Config> {
  const path = await resolveInside(root, file);
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > largestConfig) {
      throw new TracInError("config", `The file is too large (${size} bytes).`, { file });
    }
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof TracInError) {
      throw error;
    }
    throw new TracInError(
      "config",
      hasCode(error, "ENOENT")
        ? `There is no configuration in ${root}.`
        : `${file} cannot be read.`,
      { file },
      "Write one with the command TracIn: Set Up Workspace, or copy one from a sample.",
      { cause: error },
    );
  }
  return parseConfig(text, file);
}

/**
 * Validates the text of a configuration. Every path and pattern in it must stay inside the workspace.
 * Throws kind `config` with the line of the first problem; further ones are listed in the message.
 */
export function parseConfig(text: string, file = configFile): Config {
  const errors: ParseError[] = [];
  const source = text.startsWith("\uFEFF") ? ` ${text.slice(1)}` : text;
  const tree = parseTree(source, errors, { allowTrailingComma: true, disallowComments: false });
  const first = errors[0];
  if (tree === undefined || first !== undefined) {
    throw new TracInError(
      "config",
      `${file} is not valid JSON: ${tree === undefined || first === undefined ? "the file is empty" : readable(first)}.`,
      { file, line: lineOf(source, first?.offset ?? 0) },
    );
  }
  const value = toValue(tree);
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) {
    const problems = explainIssues(parsed.error.issues, value);
    const problem = problems[0];
    throw new TracInError(
      "config",
      problems.map(({ message }) => message).join(" "),
      { file, line: lineOf(source, offsetOf(tree, problem?.path ?? [])) },
      problem?.remedy,
    );
  }
  checkPaths(parsed.data, (path, message, remedy) => {
    throw new TracInError(
      "config",
      message,
      { file, line: lineOf(source, offsetOf(tree, path)) },
      remedy,
    );
  });
  return parsed.data;
}

type Fail = (path: readonly PropertyKey[], message: string, remedy?: string) => never;

/** What the schema cannot say: paths stay inside, and there is training data. */
function checkPaths(config: Config, fail: Fail): void {
  const check = (path: readonly PropertyKey[], value: string) => {
    try {
      checkPattern(value);
    } catch (error) {
      const { message, remedy } = TracInError.from(error);
      fail(path, message, remedy);
    }
  };
  check(["model"], config.model);
  const { files } = config.checkpoints;
  for (const pattern of typeof files === "string" ? [files] : files) {
    check(["checkpoints", "files"], pattern);
  }
  for (const [name, source] of Object.entries(config.data)) {
    for (const file of sourceFiles(source)) {
      check(["data", name], file);
    }
  }
  for (const [name, { target }] of Object.entries(config.data)) {
    if (typeof target === "object" && "masks" in target) {
      check(["data", name, "target", "masks"], target.masks);
    }
  }
  const misplaced = misplacedSetting(lossSettings(config));
  if (misplaced !== undefined) {
    fail(["loss", misplaced.key], misplaced.message, misplaced.remedy);
  }
  for (const [name, feature] of Object.entries(config.features)) {
    if ("text" in feature) {
      check(["features", name, "text", "tokenizer"], feature.text.tokenizer);
    }
  }
  if (!Object.hasOwn(config.data, "train")) {
    fail(
      ["data"],
      '"data.train" is missing; expected the training data.',
      `Add a dataset named "train"${Object.keys(config.data).length > 0 ? `, or rename one of ${Object.keys(config.data).join(", ")}` : ""}.`,
    );
  }
}

/** The data files (or folders) that a source names. */
export function sourceFiles(source: Config["data"][string]): string[] {
  if ("csv" in source) {
    return [source.csv];
  }
  if ("jsonl" in source) {
    return [source.jsonl];
  }
  if ("parquet" in source) {
    return typeof source.parquet === "string" ? [source.parquet] : source.parquet;
  }
  if ("npz" in source) {
    return [source.npz];
  }
  if ("images" in source) {
    return [source.images];
  }
  return Object.values("npy" in source ? source.npy : source.idx);
}

/** Builds plain values without `__proto__` becoming a prototype. */
function toValue(node: JsonNode): unknown {
  if (node.type === "array") {
    return (node.children ?? []).map(toValue);
  }
  if (node.type === "object") {
    return Object.fromEntries(
      (node.children ?? []).flatMap((property) => {
        const [key, value] = property.children ?? [];
        return key === undefined || value === undefined
          ? []
          : [[String(key.value), toValue(value)]];
      }),
    );
  }
  return node.value;
}

/** Where a path stands in the text, or the nearest object around it. */
function offsetOf(tree: JsonNode, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const steps = path
      .slice(0, length)
      .map((step) => (typeof step === "number" ? step : String(step)));
    const node = findNodeAtLocation(tree, steps);
    if (node !== undefined) {
      return node.parent?.type === "property" ? node.parent.offset : node.offset;
    }
  }
  return tree.offset;
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split(/\r\n|\r|\n/).length;
}

function readable(error: ParseError): string {
  return printParseErrorCode(error.error)
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
}
