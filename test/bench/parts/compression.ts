import { join } from "node:path";
import { openScorer } from "../../../src/compute/scoring.ts";
import { computeSettings } from "../../../src/compute/settings.ts";
import { type Project, trainingData } from "../../../src/core/config/project.ts";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import { float32, type Tensor } from "../../../src/core/graph/tensor.ts";
import { agreementOf } from "../../../src/core/index/agreement.ts";
import { type NumberType, numberTypes, pack } from "../../../src/core/index/number-type.ts";
import { type IndexKind, IndexPrograms, queryInput } from "../../../src/core/index/programs.ts";
import { drawSketch } from "../../../src/core/index/sketch.ts";
import { groupWeight } from "../../../src/core/index/sketch-graph.ts";
import { outputs } from "../../../src/core/tracin/outputs.ts";
import { batchOf, type Feeds, feedsOf } from "../../../src/core/tracin/questions.ts";
import { floats } from "../../../src/core/tracin/rows.ts";
import type { Scorer } from "../../../src/core/tracin/scorer.ts";
import { keepLargest, type Layer } from "../largest.ts";
import type { BenchContext, Part } from "./part.ts";

const samples = [
  { name: "digits, CNN", root: "samples/digits", config: "tracin.json" },
  { name: "digits, MLP", root: "samples/digits", config: "tracin.mlp.json" },
  { name: "mails", root: "samples/spam", config: "tracin.json" },
] as const;

const queries = 10;
/** Examples of each sample; the residues of all of them are in memory. */
const most = 1000;
const batch = 50;
/** So large that whole gradients are kept. */
const whole: IndexKind = { type: "sketch", size: 2 ** 20 };
const sketchSizes = [2048, 512] as const;

/** One way to keep gradients, over all checkpoints of a sample. */
class Way {
  /** [examples, queries] */
  readonly scores: Float64Array;
  bytes = 0;
  /** Seconds an example, by the fastest batch: all of them do the same work, and other programs slow some of them down. */
  keeping = Number.POSITIVE_INFINITY;
  asking = Number.POSITIVE_INFINITY;

  constructor(
    readonly name: string,
    examples: number,
  ) {
    this.scores = new Float64Array(examples * queries);
  }

  /** Notes the seconds that a batch took. */
  took(rows: number, keeping: number, asking: number): void {
    this.keeping = Math.min(this.keeping, keeping / rows);
    this.asking = Math.min(this.asking, asking / rows);
  }
}

/** How much of a gradient must be kept: whole, as sketch, or its largest elements. */
export const compressionPart: Part = {
  name: "compression",
  async run(context) {
    const tables: string[] = [];
    const data: unknown[] = [];
    for (const sample of samples) {
      const ways = await compare(sample, context);
      tables.push(...ways.lines);
      data.push({ sample: sample.name, ways: ways.data });
    }
    const head = [
      "| sample | kept | bytes | of float32 | found | Spearman | keeping µs | asking µs |",
      "|---|---|---:|---:|---:|---:|---:|---:|",
    ];
    return { markdown: [...head, ...tables].join("\n"), data };
  },
};

async function compare(
  { name, root, config }: (typeof samples)[number],
  { quick }: BenchContext,
): Promise<{ lines: string[]; data: unknown }> {
  const settings = computeSettings({ processes: 1 });
  const opened = await openScorer({ root: join(process.cwd(), root), config, settings });
  try {
    const { project, scorer, choice } = opened;
    const programs = new IndexPrograms(choice.engine, referenceEngine(), scorer.model);
    const examples = Math.min(quick ? batch : most, trainingData(project).length);
    const ways = await measure(project, scorer, programs, examples);
    await programs.dispose();
    const visits = examples * project.checkpoints.length;
    const [exact] = ways;
    const rows = ways.map((way) => ({
      kept: way.name,
      bytes: way.bytes / visits,
      keeping: way.keeping,
      asking: way.asking,
      ...mean(exact?.scores ?? way.scores, way.scores),
    }));
    const full = rows[0]?.bytes ?? 1;
    return {
      lines: rows.map(
        ({ kept, bytes, keeping, asking, recall, spearman }) =>
          `| ${name} | ${kept} | ${Math.round(bytes).toLocaleString("en")} | 1/${(full / bytes).toFixed(1)} | ${(100 * recall).toFixed(1)} | ${spearman.toFixed(3)} | ${(1e6 * keeping).toFixed(0)} | ${(1e6 * asking).toFixed(1)} |`,
      ),
      data: rows,
    };
  } finally {
    await opened.close();
  }
}

/** Agreement of all queries, their mean. */
function mean(exact: Float64Array, estimated: Float64Array) {
  const column = (all: Float64Array, query: number) =>
    all.filter((_, index) => index % queries === query);
  const each = Array.from({ length: queries }, (_, query) =>
    agreementOf(column(exact, query), column(estimated, query), 100),
  );
  const average = (pick: (one: (typeof each)[number]) => number) =>
    each.reduce((sum, one) => sum + pick(one), 0) / queries;
  return { recall: average(({ recall }) => recall), spearman: average((one) => one.spearman) };
}

async function measure(
  project: Project,
  scorer: Scorer,
  programs: IndexPrograms,
  examples: number,
): Promise<readonly Way[]> {
  const train = trainingData(project);
  const feeds = feedsOf(await project.encoder.encode(train, 0, examples), project.loss);
  const selection = Array.from({ length: queries }, (_, index) => ({
    dataset: "test",
    index,
    explain: "target" as const,
  }));
  const asked = (await scorer.resolve(selection)).feeds;
  const named = (name: string) => new Way(name, examples);
  const plain = numberTypes.map((type) => named(`whole, ${type}`));
  const sketches = sketchSizes.flatMap((size) =>
    numberTypes.map((type) => ({ size, type, way: named(`sketch of ${size}, ${type}`) })),
  );
  const carried = named("largest of each bin, residue");
  const dropped = named("largest of each bin");
  const layers = await layersOf(scorer, programs);
  const width = layers.reduce((sum, { size }) => sum + size, 0);
  const residues = new Float32Array(examples * width);
  for (const checkpoint of project.checkpoints) {
    const weights = await project.readWeights(checkpoint);
    const context = { programs, weights, asked, weight: checkpoint.weight, key: checkpoint.file };
    const query = await queryOf(context, whole);
    for (let row = 0; row < examples; row += batch) {
      const rows = Math.min(batch, examples - row);
      const own = batchOf(feeds, row, rows, rows);
      const { values, seconds } = await gradients(context, whole, own, rows);
      for (const [index, type] of numberTypes.entries()) {
        const way = plain[index] ?? carried;
        await ask(context, way, { values, seconds, width, type, row, rows, query });
      }
      for (const [way, residue] of [
        [carried, residues],
        [dropped, undefined],
      ] as const) {
        let [keeping, asking] = [seconds, 0];
        for (let place = 0; place < rows; place++) {
          const gradient = values.subarray(place * width, (place + 1) * width);
          const at = (row + place) * width;
          const took = askLargest(way, gradient, residue?.subarray(at, at + width), {
            layers,
            query,
            row: row + place,
            weight: checkpoint.weight,
          });
          keeping += took.keeping;
          asking += took.asking;
        }
        way.took(rows, keeping, asking);
      }
    }
    for (const size of sketchSizes) {
      const kind = { type: "sketch", size } as const;
      const sketched = await queryOf(context, kind);
      for (let row = 0; row < examples; row += batch) {
        const rows = Math.min(batch, examples - row);
        const own = batchOf(feeds, row, rows, rows);
        const { values, seconds } = await gradients(context, kind, own, rows);
        for (const { type, way } of sketches.filter((each) => each.size === size)) {
          await ask(context, way, {
            values,
            seconds,
            width: size,
            type,
            row,
            rows,
            query: sketched,
          });
        }
      }
    }
  }
  return [...plain, ...sketches.map(({ way }) => way), carried, dropped];
}

interface Context {
  readonly programs: IndexPrograms;
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly asked: Feeds;
  readonly weight: number;
  readonly key: string;
}

async function randomOf({ programs, key }: Context, kind: IndexKind) {
  const { sketch } = await programs.layout(kind);
  return sketch === undefined ? new Map<string, Tensor>() : drawSketch(sketch, key);
}

/** What a kind keeps of a batch, and how long making it took. */
async function gradients(context: Context, kind: IndexKind, feeds: Feeds, rows: number) {
  const random = await randomOf(context, kind);
  const program = await context.programs.build(kind, rows);
  const started = performance.now();
  const found = await program.run(new Map([...feeds, ...context.weights, ...random]));
  return { values: floats(found, "sketch"), seconds: (performance.now() - started) / 1000 };
}

/** The queries' side: [width, queries]. */
async function queryOf(context: Context, kind: IndexKind): Promise<Float32Array> {
  const { programs, weights, asked } = context;
  const { groups } = await programs.layout(kind);
  const ones = groups.map((_, group) => [groupWeight(group), float32([], [1])] as const);
  const random = await randomOf(context, kind);
  const program = await programs.querySketch(kind, queries);
  const values = floats(
    await program.run(new Map([...asked, ...weights, ...random, ...ones])),
    "sketch",
  );
  const width = values.length / queries;
  return values.map((_, at) => values[(at % queries) * width + Math.floor(at / queries)] as number);
}

interface Stored {
  readonly values: Float32Array;
  /** That making them took. */
  readonly seconds: number;
  readonly width: number;
  readonly type: NumberType;
  readonly row: number;
  readonly rows: number;
  readonly query: Float32Array;
}

/** Stores and asks as an index does. */
async function ask({ programs, weight }: Context, way: Way, stored: Stored): Promise<void> {
  const { values, seconds, width, type, row, rows, query } = stored;
  const started = performance.now();
  const { sketch, scales } = pack(values, width, type);
  const packed = performance.now();
  const program = await programs.sketchScores(type, rows, width, queries, 1);
  const asked = performance.now();
  const found = await program.run(
    new Map<string, Tensor>([
      ["sketch", sketch],
      [queryInput, float32([width, queries], query)],
    ]),
  );
  const scores = floats(found, outputs.scores);
  const packing = type === "float32" ? 0 : (packed - started) / 1000;
  way.took(rows, seconds + packing, (performance.now() - asked) / 1000);
  way.bytes += sketch.data.byteLength + (scales?.data.byteLength ?? 0);
  for (let at = 0; at < rows * queries; at++) {
    const scale = scales?.data[Math.floor(at / queries)] ?? 1;
    const place = row * queries + at;
    way.scores[place] = (way.scores[place] as number) + weight * scale * (scores[at] as number);
  }
}

function askLargest(
  way: Way,
  gradient: Float32Array,
  residue: Float32Array | undefined,
  {
    layers,
    query,
    row,
    weight,
  }: { layers: readonly Layer[]; query: Float32Array; row: number; weight: number },
): { readonly keeping: number; readonly asking: number } {
  const started = performance.now();
  const { places, values, bytes } = keepLargest(gradient, residue, layers);
  const kept = performance.now();
  for (const [index, place] of places.entries()) {
    const value = weight * (values[index] as number);
    for (let each = 0; each < queries; each++) {
      const at = row * queries + each;
      way.scores[at] =
        (way.scores[at] as number) + value * (query[place * queries + each] as number);
    }
  }
  const asked = performance.now();
  way.bytes += bytes;
  return { keeping: (kept - started) / 1000, asking: (asked - kept) / 1000 };
}

/** The stretches of a whole gradient. */
async function layersOf(scorer: Scorer, programs: IndexPrograms): Promise<readonly Layer[]> {
  const { sketch, groups } = await programs.layout(whole);
  let start = 0;
  return (sketch?.groups ?? []).map((projection, index) => {
    const size = projection.kind === "whole" ? projection.size : 0;
    const rank = scorer.probed.typeAt(groups[index]?.[0] ?? "", 1).shape.length;
    const layer = { start, size, bin: rank > 2 ? 50 : 500 };
    start += size;
    return layer;
  });
}
