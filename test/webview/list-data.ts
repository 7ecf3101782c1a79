/** Generated lists of the runs of data.ts, in the shape of the protocol. */
import type {
  FilterCheck,
  FilterCheckRequest,
  Histogram,
  HistogramRequest,
  Neighbours,
  RankedRow,
  RowsReply,
  RowsRequest,
  TableColumn,
} from "../../src/protocol/lists.ts";
import {
  labelFor,
  labelsOf,
  place,
  preview,
  random,
  reading,
  type Sample,
  targets,
  weights,
} from "./data.ts";

/** A page of a generated list, sorted as its view asks. */
export function makeRows(request: Omit<RowsRequest, "root">): RowsReply {
  const [name, count] = request.runId.split("/");
  const sample = name as Sample;
  const examples = Number(count);
  const whole = request.view === "suspects" || request.view === "all";
  const narrowed = request.filter?.text || request.filter?.ranges?.length ? 10 : 1;
  const total = Math.ceil((whole ? examples : examples / 2) / narrowed);
  const end = Math.min(total, request.offset + request.limit);
  const rows: RankedRow[] = [];
  for (let at = request.offset; at < end; at++) {
    rows.push(makeRow(sample, request, at, examples));
  }
  const scales = { margin: 1, combined: examples, loss: 6.12, selfInfluence: 24.7 };
  const scale = request.view !== "suspects" ? 0.213 : scales[request.order ?? "loss"];
  return { total, scale, rows };
}

/** Columns of a generated run. */
const columns: readonly TableColumn[] = [
  ...["score", "example", "line", "loss", "margin", "combined", "self_influence"].map((name) => ({
    name,
    kind: "number" as const,
  })),
  ...["file", "target", "predicted", "suggested", "text"].map((name) => ({
    name,
    kind: "text" as const,
  })),
];

/** Stands in for the parser: a condition that names `label` is wrong there. */
export function makeCheck({ text }: Omit<FilterCheckRequest, "root">): FilterCheck {
  const from = text.indexOf("label");
  const isCondition = /[=<>]/.test(text);
  return {
    kind: text === "" ? "none" : isCondition ? "condition" : "words",
    columns,
    problem:
      isCondition && from >= 0
        ? {
            message: "There is no column \"label\". Texts stand in single quotes: 'label'.",
            from,
            to: from + 5,
          }
        : undefined,
  };
}

/** Examples for and against a label. */
export function makeNeighbours({ runId }: { readonly runId: string }): Neighbours {
  const sample = runId.split("/")[0] as Sample;
  const side = (seed: number, sign: number) =>
    [0, 1, 2].map((at) => ({
      index: seed + at,
      place: place(sample, "train", seed + at),
      preview: preview(sample, seed + at),
      target: labelFor(sample, seed + at),
      score: (sign * 0.31) / (at + 1),
    }));
  return { for: side(311, 1), against: side(977, -1) };
}

/** A bell of values from -0.2 to 0.2. */
export function makeHistogram({ bins }: Omit<HistogramRequest, "root">): Histogram {
  return {
    from: -0.2,
    to: 0.2,
    counts: Array.from({ length: bins }, (_, bin) =>
      Math.round(500 * Math.exp(-(((bin - bins / 2) / 4) ** 2))),
    ),
  };
}

function makeRow(
  sample: Sample,
  { runId, view, order }: Omit<RowsRequest, "root">,
  at: number,
  examples: number,
): RankedRow {
  const seed = at + (view === "proponents" ? 0 : view === "opponents" ? 7001 : 14003);
  const index = (seed * 7919) % examples;
  const decay = 1 / (1 + at * 0.15);
  const sign = view === "opponents" ? -1 : 1;
  const size = 0.213 * decay * sign;
  const shares = weights.map((_, part) => random(seed, part, 11) - 0.15);
  const sum = shares.reduce((total, share) => total + share, 0);
  const isTags = sample === "tags";
  const target = isTags ? targets.tags : labelFor(sample, seed);
  const differs =
    reading(sample) === "probabilities" && random(seed, 12) < (view === "suspects" ? 0.75 : 0.2);
  const other = labelsOf[sample]?.find((label) => label !== target) ?? target;
  const bySelf = view === "suspects" && order === "selfInfluence";
  const self = bySelf ? 24.7 * decay : random(seed, 13) * 20;
  const loss = view === "suspects" && !bySelf ? 6.12 * decay : random(seed, 14) * 4;
  const margin =
    reading(sample) !== "probabilities"
      ? undefined
      : view === "suspects" && !bySelf
        ? 1 - 1.98 * decay
        : 2 * random(seed, 16) - 1;
  const scale = view === "suspects" ? self : size;
  return {
    rank: at + 1,
    index,
    place: place(sample, "train", index),
    preview: preview(sample, index),
    target,
    predicted: isTags
      ? `${seed % 5} of 12 wrong, mean loss 0.${(seed % 900) + 100}`
      : differs
        ? other
        : target,
    score: view === "suspects" ? 0 : size,
    ...(runId.endsWith("/indexed") && at >= 3 ? { estimated: true as const } : {}),
    parts: shares.map((share) => (share / sum) * scale),
    selfInfluence: self,
    loss,
    margin,
    combined: margin === undefined ? undefined : at + 1 + Math.round(9 * random(seed, 17)) / 2,
    suggested: differs ? { label: other, value: 0.5 + random(seed, 15) / 2 } : undefined,
  };
}
