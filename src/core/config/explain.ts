import type { z } from "zod";
import { nearestName } from "./nearest.ts";
import { knownKeys } from "./schema.ts";

type Issue = z.core.$ZodIssue;

/** One thing that is wrong in `tracin.json`: the key, what is expected, and a correction where one is near. */
export interface ConfigProblem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly remedy?: string;
  /** For an unknown key, the path that was probably meant. */
  readonly corrects?: string;
}

/** Turns the issues of the schema into problems a person can act on. */
export function explainIssues(issues: readonly Issue[], value: unknown): ConfigProblem[] {
  const problems = issues.flatMap((issue) => explainIssue(issue, issue.path, value));
  // A mistyped key explains the missing one: say it once, first.
  const corrected = new Set(problems.map(({ corrects }) => corrects));
  return problems
    .filter(({ path }) => !corrected.has(formatPath(path)))
    .sort((a, b) => Number(b.corrects !== undefined) - Number(a.corrects !== undefined));
}

/** A path as a person writes it: `checkpoints.files[0]`. */
function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((step, index) =>
      typeof step === "number" ? `[${step}]` : `${index === 0 ? "" : "."}${String(step)}`,
    )
    .join("");
}

function explainIssue(
  issue: Issue,
  path: readonly PropertyKey[],
  config: unknown,
): ConfigProblem[] {
  const name = path.length === 0 ? "tracin.json" : `"${formatPath(path)}"`;
  const value = at(config, path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(path, key));
    case "invalid_union":
      return explainUnion(issue, path, config);
    case "invalid_type":
    case "invalid_value":
      return [
        value === undefined
          ? { path, message: `${name} is missing; expected ${expectation(issue)}.` }
          : { path, message: `${name} is ${describe(value)}; expected ${expectation(issue)}.` },
      ];
    default:
      return [{ path, message: `${name}: ${issue.message}.` }];
  }
}

function unknownKey(path: readonly PropertyKey[], key: string): ConfigProblem {
  const known = knownKeys(path);
  const near = nearestName(key, known);
  const message = `Unknown key "${formatPath([...path, key])}".`;
  return {
    path: [...path, key],
    message,
    remedy:
      near === undefined
        ? `Known here: ${known.map((other) => `"${other}"`).join(", ")}.`
        : `Did you mean "${near}"?`,
    ...(near === undefined ? {} : { corrects: formatPath([...path, near]) }),
  };
}

/**
 * Of the variants of a union, the one that the person most likely meant: fewest unknown and missing keys.
 * When the value fits none by its type, all expectations are listed.
 */
function explainUnion(
  issue: Extract<Issue, { code: "invalid_union" }>,
  path: readonly PropertyKey[],
  config: unknown,
): ConfigProblem[] {
  const value = at(config, path);
  const isMismatch = (inner: Issue) =>
    inner.path.length === 0 && (inner.code === "invalid_type" || inner.code === "invalid_value");
  const meant = issue.errors.filter((errors) => errors.length > 0 && !errors.some(isMismatch));
  if (meant.length > 0) {
    const cost = (errors: readonly Issue[]): number =>
      errors.reduce((sum, inner) => {
        const unknown = inner.code === "unrecognized_keys" ? inner.keys.length : 0;
        const missing = at(value, inner.path) === undefined ? 1 : 0;
        return sum + 2 * unknown + 2 * missing + 1;
      }, 0);
    const costs = meant.map(cost);
    const best = meant[costs.indexOf(Math.min(...costs))] ?? [];
    const mistyped = best.flatMap((inner) =>
      inner.code === "unrecognized_keys"
        ? inner.keys.map((key) => unknownKey([...path, ...inner.path], key))
        : [],
    );
    if (mistyped.some(({ corrects }) => corrects !== undefined)) {
      return mistyped;
    }
    return best.flatMap((inner) => explainIssue(inner, [...path, ...inner.path], config));
  }
  const expected = [...new Set(issue.errors.flat().filter(isMismatch).map(expectation))];
  const name = `"${formatPath(path)}"`;
  return [
    {
      path,
      message:
        value === undefined
          ? `${name} is missing; expected ${listed(expected)}.`
          : `${name} is ${describe(value)}; expected ${listed(expected)}.`,
    },
  ];
}

function expectation(issue: Issue): string {
  if (issue.code === "invalid_value") {
    return listed(issue.values.map((value) => JSON.stringify(value)));
  }
  if (issue.code === "invalid_type") {
    const names: Readonly<Record<string, string>> = {
      string: "text",
      number: "a number",
      int: "a whole number",
      boolean: "true or false",
      array: "a list",
      tuple: "a list",
      object: "an object",
      record: "an object",
    };
    return names[issue.expected] ?? issue.expected;
  }
  return issue.message;
}

function listed(items: readonly string[]): string {
  return items.length < 2
    ? (items[0] ?? "something else")
    : `${items.slice(0, -1).join(", ")} or ${items.at(-1)}`;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) {
    return "a list";
  }
  if (typeof value === "object" && value !== null) {
    return "an object";
  }
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, step)) {
      return undefined;
    }
    current = Reflect.get(current, step);
  }
  return current;
}
