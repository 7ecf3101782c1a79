import { ours } from "../ours.ts";
import { markdownTable, plainTable, type Row, seconds } from "../rows.ts";
import type { BenchContext, Part } from "./part.ts";
import { type ModelWorkload, nameOf, workloads, workspaceOf } from "./workloads.ts";

const base = { ...workloads.mlp, examples: 2000, checkpoints: 4, queries: 10, hidden: 64 };
const doublings = 4;

interface Series {
  readonly name: string;
  readonly at: (factor: number) => ModelWorkload;
  /** What is on the axis. */
  readonly size: (workload: ModelWorkload) => number;
}

const series: readonly Series[] = [
  {
    name: "examples",
    at: (factor) => ({ ...base, examples: base.examples * factor }),
    size: ({ examples }) => examples,
  },
  {
    name: "checkpoints",
    at: (factor) => ({ ...base, checkpoints: base.checkpoints * factor }),
    size: ({ checkpoints }) => checkpoints,
  },
  {
    name: "queries",
    at: (factor) => ({ ...base, queries: base.queries * factor }),
    size: ({ queries }) => queries,
  },
  {
    name: "parameters",
    at: (factor) => ({ ...base, hidden: base.hidden * factor }),
    size: ({ hidden = base.hidden }) => parameters(hidden),
  },
];

interface Growth {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly seconds: readonly number[];
  readonly memory: readonly number[];
  readonly slope: number;
}

/** How the computation grows, each quantity doubled four times. */
export const scalingPart: Part = {
  name: "scaling",
  async run(context) {
    const grown: Growth[] = [];
    const first = await measure(base, context);
    for (const each of series) {
      const points = [{ size: each.size(base), row: first }];
      for (let doubling = 1; doubling <= doublings; doubling++) {
        const workload = each.at(2 ** doubling);
        points.push({ size: each.size(workload), row: await measure(workload, context) });
      }
      const sizes = points.map(({ size }) => size);
      const times = points.map(({ row }) => row.computing ?? Number.NaN);
      const memory = points.map(({ row }) => row.memory ?? Number.NaN);
      grown.push({ name: each.name, sizes, seconds: times, memory, slope: slopeOf(sizes, times) });
    }
    return { markdown: tableOf(grown), data: grown };
  },
};

/** Ten times the queries. */
export const queriesPart: Part = {
  name: "queries",
  async run(context) {
    const examples = context.quick ? 1000 : workloads.mlp.examples;
    const rows: Row[] = [];
    for (const queries of [10, 100]) {
      const workload = { ...workloads.mlp, examples, queries };
      const root = (await workspaceOf(workload, context)) as string;
      const name = `${nameOf(workload)}, ${queries} queries`;
      const question = { name, root, dataset: "query", queries, out: root, withoutWork: true };
      rows.push((await ours(question)).row);
    }
    return { markdown: plainTable(rows), data: rows };
  },
};

async function measure(workload: ModelWorkload, context: BenchContext): Promise<Row> {
  const examples = context.quick ? workload.examples / 8 : workload.examples;
  const sized = { ...workload, examples };
  const root = (await workspaceOf(sized, context)) as string;
  const { queries } = workload;
  const question = { root, dataset: "query", queries, out: root, processes: 1, withoutWork: true };
  return (await ours({ name: workload.title, ...question })).row;
}

function tableOf(grown: readonly Growth[]): string {
  const { examples, checkpoints, queries } = base;
  const factors = Array.from({ length: doublings + 1 }, (_, index) => `x ${2 ** index}`);
  const sizes = [
    `${examples.toLocaleString("en-US")} examples`,
    `${checkpoints} checkpoints`,
    `${queries} queries`,
    `${parameters(base.hidden).toLocaleString("en-US")} parameters`,
  ];
  const lines = grown.map((growth) => [
    `${growth.name} (${growth.sizes[0]?.toLocaleString("en-US")} to ${growth.sizes.at(-1)?.toLocaleString("en-US")})`,
    ...growth.seconds.map(seconds),
    growth.slope.toFixed(2),
    `${megabytes(growth.memory[0])} to ${megabytes(growth.memory.at(-1))}`,
  ]);
  return `${markdownTable(["", ...factors, "slope", "MB"], lines)}\n\nAn MLP, one process; at first ${sizes.join(", ")}. Seconds of the question asked again in a running process; slope: least squares over the logarithms of size and seconds.`;
}

function megabytes(bytes: number | undefined): string {
  return ((bytes ?? Number.NaN) / 1e6).toFixed(0);
}

/** Weights and biases of 784-hidden-hidden/2-10. */
function parameters(hidden: number): number {
  const half = hidden / 2;
  return 785 * hidden + (hidden + 1) * half + (half + 1) * 10;
}

/** Least squares of log(y) over log(x). */
export function slopeOf(x: readonly number[], y: readonly number[]): number {
  const [u, v] = [x.map(Math.log), y.map(Math.log)];
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [mu, mv] = [mean(u), mean(v)];
  const products = u.reduce((sum, value, at) => sum + (value - mu) * ((v[at] as number) - mv), 0);
  return products / u.reduce((sum, value) => sum + (value - mu) ** 2, 0);
}
