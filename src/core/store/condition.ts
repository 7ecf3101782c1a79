import * as z from "zod";
import { type Database, quote } from "./duckdb.ts";

/** What is wrong with a filter, and at which characters [from, to) of it. */
export interface FilterProblem {
  readonly message: string;
  readonly from: number;
  readonly to: number;
}

/** Functions that compute with their arguments alone. Everything else could read files, settings or the clock. */
const functions: ReadonlySet<string> = new Set(
  `+ - * / // % ** ^ || ~~ !~~ ~~* !~~* ~~~ abs ceil ceiling floor round sign sqrt ln log log2 log10 exp pow power greatest least
   isnan isfinite isinf lower lcase upper ucase length len strlen trim ltrim rtrim left right substr substring contains
   starts_with prefix ends_with suffix strpos instr position replace concat coalesce nullif ifnull
   regexp_matches like_escape ilike_escape not_like_escape not_ilike_escape`.split(/\s+/),
);

/** Kinds of expressions that cannot hold a query or leave the row. */
const classes: ReadonlySet<string> = new Set([
  "BETWEEN",
  "CASE",
  "CAST",
  "COLUMN_REF",
  "COMPARISON",
  "CONJUNCTION",
  "CONSTANT",
  "FUNCTION",
  "OPERATOR",
]);

/** Longest condition that is read. */
const longest = 4000;
const prefix = "SELECT 1 FROM run WHERE (\n";

const serialised = z.discriminatedUnion("error", [
  z.object({
    error: z.literal(true),
    error_message: z.string(),
    position: z.string().optional(),
  }),
  z.object({ error: z.literal(false), statements: z.array(z.object({ node: z.unknown() })) }),
]);

const selection = z.object({
  type: z.literal("SELECT_NODE"),
  modifiers: z.tuple([]),
  cte_map: z.object({ map: z.tuple([]) }),
  select_list: z.tuple([z.looseObject({ class: z.literal("CONSTANT") })]),
  from_table: z.looseObject({
    type: z.literal("BASE_TABLE"),
    table_name: z.literal("run"),
    schema_name: z.literal(""),
    catalog_name: z.literal(""),
  }),
  where_clause: z.unknown(),
  group_expressions: z.tuple([]),
  having: z.null(),
  sample: z.null(),
  qualify: z.null(),
});

/**
 * Reads a condition over the rows of a run without running it: DuckDB's own parser makes a tree of it, and only a tree
 * of comparisons, arithmetic and harmless functions over the given columns passes.
 * @returns the columns that it names, or what is wrong with it
 */
export async function readCondition(
  database: Database,
  text: string,
  columns: readonly string[],
): Promise<{ readonly columns: ReadonlySet<string> } | FilterProblem> {
  const whole = (message: string): FilterProblem => ({ message, from: 0, to: text.length });
  if (text.length > longest) {
    return whole(`A condition has at most ${longest} characters.`);
  }
  const parsed = await parse(database, text);
  if (parsed.error) {
    return problemAt(text, parsed.error_message, Number(parsed.position ?? Number.NaN));
  }
  const [statement, ...others] = parsed.statements;
  const node = selection.safeParse(statement?.node);
  if (others.length > 0 || !node.success) {
    return whole("This is not one condition.");
  }
  const found = new Set<string>();
  const problem = visit(node.data.where_clause, text, columns, found);
  return problem ?? { columns: found };
}

/** What DuckDB says against running a condition that was read: types that do not fit. */
export async function bindCondition(
  database: Database,
  text: string,
  source: string,
): Promise<FilterProblem | undefined> {
  // The text stands where it would stand behind `prefix`, whatever the length of the source.
  const head = `SELECT 1 FROM ${source} WHERE (\n`;
  try {
    const statement = await database.connection.prepare(`${head}${text}\n)`);
    statement.destroySync();
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const details = jsonOf(message);
    const read = z
      .object({ exception_message: z.string(), position: z.string().optional() })
      .safeParse(details);
    return read.success
      ? problemAt(
          text,
          read.data.exception_message,
          Number(read.data.position ?? Number.NaN) - head.length + prefix.length,
        )
      : problemAt(text, message, Number.NaN);
  }
}

async function parse(database: Database, text: string): Promise<z.infer<typeof serialised>> {
  const reader = await database.connection.runAndReadAll(
    `SELECT json_serialize_sql(${quote(`${prefix}${text}\n)`)})`,
  );
  const [row] = reader.getRowsJS();
  return serialised.parse(jsonOf(String(row?.[0])));
}

function visit(
  value: unknown,
  text: string,
  columns: readonly string[],
  found: Set<string>,
): FilterProblem | undefined {
  if (Array.isArray(value)) {
    for (const child of value) {
      const problem = visit(child, text, columns, found);
      if (problem) {
        return problem;
      }
    }
    return undefined;
  }
  if (!isNode(value)) {
    return undefined;
  }
  if (typeof value.class === "string") {
    const problem = judge(value, text, columns, found);
    if (problem) {
      return problem;
    }
    if (value.class === "CONSTANT") {
      return undefined;
    }
  }
  return visit(Object.values(value), text, columns, found);
}

/** Whether one node may stand in a condition. */
function judge(
  node: Node,
  text: string,
  columns: readonly string[],
  found: Set<string>,
): FilterProblem | undefined {
  const at = typeof node.query_location === "number" ? node.query_location : Number.NaN;
  if (typeof node.class !== "string" || !classes.has(node.class)) {
    return problemAt(text, "Only conditions on the columns of this run can be used here.", at);
  }
  if (node.class === "COLUMN_REF") {
    const path = Array.isArray(node.column_names) ? node.column_names.map(String) : [];
    const [name = ""] = path;
    const known = columns.find((column) => column.toLowerCase() === name.toLowerCase());
    if (path.length !== 1 || known === undefined) {
      const message = `There is no column "${path.join(".")}". Texts stand in single quotes: '${path.join(".")}'.`;
      return problemAt(text, message, at);
    }
    found.add(known);
  }
  if (node.class === "FUNCTION") {
    const name = String(node.function_name).toLowerCase();
    const plain = (node.schema ?? "") === "" && (node.catalog ?? "") === "";
    if (!plain || !functions.has(name)) {
      return problemAt(text, `The function "${name}" cannot be used here.`, at);
    }
  }
  return undefined;
}

/** A problem at a position of the statement that was parsed; without one, of the whole text. */
function problemAt(text: string, message: string, position: number): FilterProblem {
  const [line = ""] = message.split("\n");
  // DuckDB counts bytes.
  const bytes = position - prefix.length;
  const at = bytes >= 0 ? Buffer.from(text).subarray(0, bytes).toString().length : Number.NaN;
  if (!(at >= 0 && at < text.length)) {
    const atEnd = bytes >= Buffer.byteLength(text);
    return {
      message: atEnd ? "The condition is not complete." : line,
      from: atEnd ? Math.max(0, text.length - 1) : 0,
      to: text.length,
    };
  }
  const word = /^(?:"[^"]*"|'[^']*'?|[\p{L}\p{N}_]+|[^\s])/u.exec(text.slice(at));
  return { message: line, from: at, to: at + (word?.[0].length ?? 1) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A node of DuckDB's tree, or anything else in it. */
interface Node {
  readonly class?: unknown;
  readonly query_location?: unknown;
  readonly column_names?: unknown;
  readonly function_name?: unknown;
  readonly schema?: unknown;
  readonly catalog?: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null;
}
