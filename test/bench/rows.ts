/** One line of a table of the bench. */
export interface Row {
  readonly name: string;
  /** From the start of the process to its end, seconds; null where it was not measured. */
  readonly whole: number | null;
  /** Of ours: the same question asked again in the running process. Of a peer: its computation alone. Seconds. */
  readonly computing: number | null;
  /** Examples times checkpoints that are computed. */
  readonly visits: number | null;
  /** Bytes, the largest sum over the process and its helpers. */
  readonly memory: number | null;
  /** Bytes written to files while it computes. */
  readonly disk?: number;
  /** Useful multiply-adds of all visits together. */
  readonly multiplyAdds?: number;
  /** Largest difference of a score from ours, relative to the query's largest. */
  readonly difference?: number;
  /** Why there are no figures, or what is special about them. */
  readonly note?: string;
}

/** Multiply-adds per second of the machine's matrix product: what shares of the peak are shares of. */
export type Peak = number;

type Column = readonly [title: string, cell: (row: Row, ours: Row) => string];

const time: readonly Column[] = [
  ["whole s", ({ whole }) => seconds(whole)],
  ["computing s", ({ computing }) => seconds(computing)],
];
const speed: Column = [
  "examples/s",
  ({ visits, computing, whole }) => {
    const taken = computing ?? whole;
    return visits === null || taken === null ? "" : grouped(visits / taken);
  },
];
const memory: Column = ["MB", ({ memory: bytes }) => (bytes === null ? "" : megabytes(bytes))];
const difference: Column = ["difference", (row) => row.difference?.toExponential(1) ?? ""];

/** Times as often as ours; above 1 the peer is slower. */
const ratios: readonly Column[] = [
  ["strict", (row, ours) => ratio(row, ours, paced(row, ours), ours.whole)],
  [
    "whole",
    (row, ours) => {
      const { whole, computing } = row;
      // Starting and reading take as long for few examples.
      const theirs =
        whole === null || computing === null ? null : whole - computing + (paced(row, ours) ?? 0);
      return ratio(row, ours, theirs, ours.whole);
    },
  ],
  ["computing", (row, ours) => ratio(row, ours, paced(row, ours), ours.computing)],
];

/** Ours in the first row, peers below. */
export function comparisonTable(rows: readonly Row[], peak: Peak): string {
  const share: Column = [
    "of peak",
    ({ multiplyAdds, whole, computing }) =>
      multiplyAdds === undefined
        ? ""
        : [whole, computing]
            .filter((taken) => taken !== null)
            .map((taken) => `${((100 * multiplyAdds) / taken / peak).toFixed(0)}%`)
            .join(" / "),
  ];
  const disk: Column = ["disk MB", (row) => (row.disk === undefined ? "" : megabytes(row.disk))];
  const hasDisk = rows.some((row) => row.disk !== undefined);
  return tableOf(rows, [
    ...time,
    speed,
    memory,
    ...(hasDisk ? [disk] : []),
    share,
    ...ratios,
    difference,
  ]);
}

/** Rows that are not held against each other by ratio of processes. */
export function plainTable(rows: readonly Row[]): string {
  return tableOf(rows, [
    ...time,
    speed,
    memory,
    ["ratio", (row, ours) => ratio(row, ours, paced(row, ours), ours.computing)],
    difference,
  ]);
}

function tableOf(rows: readonly Row[], columns: readonly Column[]): string {
  const [ours] = rows;
  if (ours === undefined) {
    return "";
  }
  const lines = rows.map((row) => [
    row.note === undefined ? row.name : `${row.name}: ${row.note}`,
    ...columns.map(([, cell]) => cell(row, ours)),
  ]);
  return markdownTable(["", ...columns.map(([title]) => title)], lines);
}

/** A Markdown table whose columns after the first are numbers. */
export function markdownTable(
  head: readonly string[],
  lines: readonly (readonly string[])[],
): string {
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [head, rule, ...lines]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}

/** Three significant digits at most; two decimals for what takes seconds. */
export function seconds(value: number | null): string {
  return value === null ? "" : value < 0.1 ? value.toFixed(3) : value.toFixed(2);
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? (bytes / 1e6).toFixed(1) : grouped(bytes / 1e6);
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function ratio(row: Row, ours: Row, theirs: number | null, own: number | null): string {
  return row === ours || theirs === null || own === null ? "" : (theirs / own).toFixed(1);
}

/** Seconds of computation of as many examples as ours, by the pace of a peer that was measured on fewer. */
function paced({ computing, visits }: Row, ours: Row): number | null {
  return computing === null
    ? null
    : (computing * (ours.visits ?? 1)) / (visits ?? ours.visits ?? 1);
}
