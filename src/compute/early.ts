import { type Project, trainingData } from "../core/config/project.ts";
import { type PredictionForm, readOutputs } from "../core/store/readings.ts";
import { ordersOf } from "../core/store/suspect-order.ts";
import { overCheckpoints } from "../core/tracin/rows.ts";
import type { ScoreChunk } from "../core/tracin/scores.ts";
import { TopK } from "../core/tracin/topk.ts";
import type { EarlyList, EarlyRanking } from "../protocol/early.ts";
import type { Preview } from "../protocol/examples.ts";
import type { RankedRow, SuspectOrder } from "../protocol/lists.ts";
import { placeOf, previewOf } from "./examples.ts";

/** Rows of each list. */
const mostRows = 10;
/** Milliseconds from the start of the run to the first ranking at the earliest, and between two rankings. */
const firstAfter = 300;
const again = 700;
/** Most part of the time that goes by while rankings are made. */
const share = 0.1;
/** Bytes of an image that is sent again and again; a larger one is shown with the finished run. */
const largestImage = 256 << 10;

/** What an early ranking is made of. */
export interface EarlyOptions {
  readonly project: Project;
  readonly prediction: PredictionForm;
  /** Scores of a training example; 0 ranks suspects. */
  readonly queries: number;
  readonly margins: boolean;
  /** Whether what raised the loss comes first, as where a test set is explained. */
  readonly opponentsFirst: boolean;
  readonly onRanking: (ranking: EarlyRanking) => void;
}

/** The numbers of a row that may be shown, out of its chunk. */
type Numbers = Pick<
  RankedRow,
  "score" | "parts" | "estimated" | "selfInfluence" | "loss" | "margin"
> & {
  readonly outputs: Float32Array;
};

/** What a row shows besides its numbers. */
type Shown = Pick<RankedRow, "place" | "preview" | "target">;

/** One of the lists, with the best of what has come. */
interface Kept {
  readonly view: EarlyList["view"];
  readonly top: TopK;
  /** The number by which an example ranks, the largest first; NaN where it is not in the list. */
  readonly rankedBy: (chunk: ScoreChunk, row: number) => number;
}

/**
 * Ranks the examples of a run as their chunks arrive, and reports the first places from time to time. Nothing waits for
 * it, nothing is kept of an example that is not among them, and it ends with the run.
 */
export class EarlyRows {
  private readonly lists: readonly Kept[];
  private readonly numbers = new Map<number, Numbers>();
  private readonly shown = new Map<number, Promise<Shown>>();
  private scored = 0;
  private state: EarlyRanking["state"] = "scored";
  /** `performance.now()` before which nothing is reported. */
  private next = performance.now() + firstAfter;
  private isMaking = false;
  private isEnded = false;

  constructor(private readonly options: EarlyOptions) {
    const { queries, margins, opponentsFirst } = options;
    const checkpoints = this.checkpoints.length;
    const scoreOf = ({ scoreParts }: ScoreChunk, row: number) =>
      overCheckpoints(scoreParts, checkpoints, row * queries);
    const up: Kept = {
      view: "proponents",
      top: new TopK(mostRows),
      rankedBy: (chunk, row) => positive(scoreOf(chunk, row)),
    };
    const down: Kept = {
      view: "opponents",
      top: new TopK(mostRows),
      rankedBy: (chunk, row) => positive(-scoreOf(chunk, row)),
    };
    const suspects: Kept = {
      view: "suspects",
      top: new TopK(mostRows),
      rankedBy: (chunk, row) =>
        margins
          ? -overCheckpoints(chunk.margins, checkpoints, row)
          : overCheckpoints(chunk.losses, checkpoints, row),
    };
    this.lists = queries === 0 ? [suspects] : opponentsFirst ? [down, up] : [up, down];
  }

  /** Takes scores, final ones or estimates. With the first final one after estimates, everything is ranked anew. */
  add(chunk: ScoreChunk): void {
    const { start, size, exact } = chunk;
    const before = this.state;
    this.state = exact === undefined ? "scored" : exact.size === 0 ? "estimated" : "settled";
    if (before !== this.state) {
      for (const { top } of this.lists) {
        top.clear();
      }
      this.numbers.clear();
      this.scored = 0;
    }
    for (const { top, rankedBy } of this.lists) {
      for (let row = 0; row < size; row++) {
        top.push(start + row, rankedBy(chunk, row));
      }
    }
    this.keepNumbers(chunk);
    this.scored += size;
    const isLast = this.scored === trainingData(this.options.project).length;
    // What is settled takes the place of all estimates at once.
    if (isLast || (this.state !== "settled" && performance.now() >= this.next)) {
      void this.report();
    }
  }

  /** Reports nothing any more. */
  end(): void {
    this.isEnded = true;
  }

  private get checkpoints(): Project["checkpoints"] {
    return this.options.project.checkpoints;
  }

  /** Numbers of the examples that are in a list by now; those of the others are forgotten. */
  private keepNumbers(chunk: ScoreChunk): void {
    const ranked = new Set(this.lists.flatMap(({ top }) => top.indices()));
    for (const map of [this.numbers, this.shown]) {
      for (const index of map.keys()) {
        if (!ranked.has(index)) {
          map.delete(index);
        }
      }
    }
    for (const index of ranked) {
      const row = index - chunk.start;
      if (row >= 0 && row < chunk.size) {
        this.numbers.set(index, this.numbersOf(chunk, row));
      }
    }
  }

  private numbersOf(chunk: ScoreChunk, row: number): Numbers {
    const { queries } = this.options;
    const { scoreParts, selfParts, losses, margins, predictions, size, exact } = chunk;
    const count = this.checkpoints.length;
    const [values, stride, place] =
      queries === 0 ? [selfParts, size, row] : [scoreParts, size * queries, row * queries];
    const parts = this.checkpoints.map((_, at) => values[at * stride + place] ?? 0);
    const margin = overCheckpoints(margins, count, row) / count;
    const outputs = predictions.length / size;
    const index = chunk.start + row;
    return {
      ...(exact === undefined || exact.has(index) ? {} : { estimated: true as const }),
      score: queries === 0 ? 0 : parts.reduce((sum, part) => sum + part, 0),
      parts,
      selfInfluence: overCheckpoints(selfParts, count, row),
      loss: overCheckpoints(losses, count, row) / count,
      margin: Number.isNaN(margin) ? undefined : margin,
      outputs: predictions.slice(row * outputs, (row + 1) * outputs),
    };
  }

  private async report(): Promise<void> {
    if (this.isMaking) {
      return;
    }
    this.isMaking = true;
    const started = performance.now();
    try {
      const { scored, state } = this;
      const ranking = await this.ranking();
      if (!this.isEnded) {
        this.options.onRanking(ranking);
      }
      const now = performance.now();
      this.next = now + Math.max(again, (now - started) / share);
      this.isMaking = false;
      const isOld = state !== this.state || scored !== this.scored;
      if (isOld && this.scored === ranking.examples) {
        await this.report(); // the last chunks came meanwhile
      }
    } catch {
      // An example that cannot be read any more is told by the run itself.
      this.isMaking = false;
    }
  }

  private async ranking(): Promise<EarlyRanking> {
    const { project, prediction, queries, margins } = this.options;
    const { scored, state } = this;
    const orders: readonly SuspectOrder[] = ordersOf({ margins }).filter(
      (order) => order !== "combined",
    );
    // All rows are of the same moment, whatever arrives while they are being read.
    const ranked = this.lists.map(({ view, top }) => ({
      view,
      rows: top.sorted().flatMap(({ index }) => {
        const numbers = this.numbers.get(index);
        return numbers === undefined ? [] : [{ index, numbers }];
      }),
    }));
    const lists = await Promise.all(
      ranked.map(async ({ view, rows }) => ({
        view,
        rows: await Promise.all(
          rows.map(({ index, numbers }, at) => this.row(at + 1, index, numbers)),
        ),
      })),
    );
    const by = orders[0] ?? "loss";
    const sizes = lists.map(({ rows }) =>
      rows.map((row) => Math.abs((queries === 0 ? row[by] : row.score) ?? 0)),
    );
    const scale = Math.max(0, ...sizes.flat());
    return {
      state,
      scored,
      examples: trainingData(project).length,
      checkpoints: this.checkpoints.map(({ file }) => file),
      reading: prediction.reading,
      queries,
      orders,
      lists: lists.map((list) => ({ ...list, scale })),
    };
  }

  private async row(
    rank: number,
    index: number,
    { outputs, ...numbers }: Numbers,
  ): Promise<RankedRow> {
    const reading = this.shown.get(index) ?? this.show(index);
    this.shown.set(index, reading);
    const shown = await reading;
    const { predicted, suggested, probability } = readOutputs(
      this.options.prediction,
      outputs,
      shown.target,
    );
    return {
      rank,
      index,
      ...shown,
      ...numbers,
      predicted,
      combined: undefined,
      suggested:
        suggested === undefined
          ? undefined
          : { label: suggested, value: probability ?? Number.NaN },
    };
  }

  private async show(index: number): Promise<Shown> {
    const { project } = this.options;
    const train = trainingData(project);
    const [target = ""] = await project.encoder.targetTexts(train, index, index + 1);
    const place = placeOf(project, "train", index);
    return { place, target, preview: small(await previewOf(project, "train", index)) };
  }
}

function positive(value: number): number {
  return value > 0 ? value : Number.NaN;
}

function small(preview: Preview): Preview {
  return preview.kind === "image" && preview.bytes.length > largestImage
    ? { kind: "text", text: "" }
    : preview;
}
