import type { Project } from "../core/config/project.ts";
import { trainingData } from "../core/config/project.ts";
import { referenceEngine } from "../core/engines/reference/engine.ts";
import type { RunQuery, RunRecord } from "../core/store/record.ts";
import { PairScorer, type PlaceParts } from "../core/tracin/pair.ts";
import { readingOf } from "../core/tracin/questions.ts";
import type { Scorer } from "../core/tracin/scorer.ts";
import type { QuerySelection } from "../core/tracin/scores.ts";
import type { NamedPart, PairReply, PairRequest, WhereParts } from "../protocol/pair.ts";
import { queryAgain } from "./given.ts";
import type { ScorerInUse } from "./scoring.ts";

/** Compiled once for each scorer; what it holds goes with the scorer. */
const pairs = new WeakMap<Scorer, PairScorer>();

/**
 * Splits the score of a row of a run over the places of the training example.
 * @param changes what has changed since the run: then its numbers cannot be taken apart any more
 */
export async function pairOf(
  { project, scorer, choice }: ScorerInUse,
  record: RunRecord,
  { query, index }: PairRequest,
  changes: readonly string[],
  signal: AbortSignal,
): Promise<PairReply> {
  const asked = record.queries[query];
  if (record.aggregate || asked === undefined) {
    return none("The row stands for many queries at once.");
  }
  if (changes.length > 0 || trainingData(project).length !== record.examples) {
    return none(`Since the run: ${changes.join(", ")}. Compute it again.`);
  }
  if (record.parameters.join() !== scorer.parameters.join()) {
    return none("The run was computed with other layers.");
  }
  const known = pairs.get(scorer);
  const pair = known ?? new PairScorer(project, choice.engine, referenceEngine(), scorer.model);
  pairs.set(scorer, pair);
  const selection = await queryAgain(project, record, query, explainedOf(project, asked));
  const { feeds } = await scorer.resolve([selection], signal);
  const { first, reason, last } = await pair.split(feeds, index, signal);
  const where =
    first === undefined ? noParts(reason ?? "") : (named(project, first) ?? noParts(unnamed));
  return {
    where,
    layer: first?.parameter ?? "",
    total: first?.parts.reduce((sum, part) => sum + part, first.rest) ?? 0,
    rest: first?.rest ?? 0,
    last: last && {
      layer: last.parameter,
      error: last.error,
      errorCosine: last.errorCosine,
      input: last.input,
      inputCosine: last.inputCosine,
    },
  };
}

/** Frees what was compiled for a scorer that is closed. */
export async function closePair(scorer: Scorer): Promise<void> {
  await pairs.get(scorer)?.dispose();
  pairs.delete(scorer);
}

const unnamed = "The first layer reads an array whose elements have no names.";

function none(reason: string): PairReply {
  return { where: noParts(reason), layer: "", total: 0, rest: 0, last: undefined };
}

function noParts(reason: string): WhereParts {
  return { kind: "none", reason };
}

/** What a query of a run was explained for. */
function explainedOf(project: Project, { explained }: RunQuery): QuerySelection["explain"] {
  if (explained === undefined) {
    return "target";
  }
  if (readingOf(project) === "positions") {
    return "prediction";
  }
  const index = project.encoder.labels?.indexOf(explained) ?? -1;
  return index >= 0 ? index : Number(explained);
}

/** The places as a person knows them; undefined where they have no names. */
function named(project: Project, { places, ids, parts }: PlaceParts): WhereParts | undefined {
  switch (places.kind) {
    case "grid":
      return { ...places, parts: Float32Array.from(parts) };
    case "volume":
      return { kind: "columns", columns: slicesOf(places, parts) };
    case "series":
      return {
        kind: "columns",
        columns: strongestOf(parts, (place) => `position ${place + 1}`, "positions"),
      };
    case "tokens":
      return { kind: "tokens", tokens: tokensOf(project, places.input, ids ?? [], parts) };
    case "elements": {
      const columns = project.encoder.columnsOf?.(places.input);
      if (columns !== undefined) {
        let start = 0;
        return {
          kind: "columns",
          columns: columns.map(({ name, width }) => {
            const part = parts.subarray(start, start + width).reduce((sum, next) => sum + next, 0);
            start += width;
            return { name, part };
          }),
        };
      }
      return imageParts(project, places.input, places.shape, parts);
    }
  }
}

/** Positions of a sequence, or slices of a volume, that are shown one by one. */
const mostPositions = 24;

/** The slices of a volume, each with the place of its strongest part. */
export function slicesOf(
  {
    depth,
    height,
    width,
  }: { readonly depth: number; readonly height: number; readonly width: number },
  parts: Float64Array,
): NamedPart[] {
  const area = height * width;
  const slices = Array.from({ length: depth }, (_, slice) =>
    parts.subarray(slice * area, (slice + 1) * area),
  );
  const sums = Float64Array.from(slices, (slice) => slice.reduce((sum, part) => sum + part, 0));
  const nameOf = (at: number) => {
    const slice = slices[at] ?? new Float64Array();
    const strongest = slice.reduce(
      (best, part, place) => (Math.abs(part) > Math.abs(slice[best] ?? 0) ? place : best),
      0,
    );
    return `slice ${at + 1}, most at row ${Math.floor(strongest / width) + 1}, column ${(strongest % width) + 1}`;
  };
  return strongestOf(sums, nameOf, "slices");
}

/** The strongest positions of a sequence, in its order, and what all others come to. */
function strongestOf(
  parts: Float64Array,
  nameOf: (place: number) => string,
  several: string,
): NamedPart[] {
  const places = [...parts.keys()].sort(
    (a, b) => Math.abs(parts[b] ?? 0) - Math.abs(parts[a] ?? 0),
  );
  const shown = places.slice(0, mostPositions).sort((a, b) => a - b);
  const named = shown.map((place) => ({ name: nameOf(place), part: parts[place] ?? 0 }));
  const others = places.slice(mostPositions);
  const rest = others.reduce((sum, place) => sum + (parts[place] ?? 0), 0);
  return others.length === 0
    ? named
    : [...named, { name: `${others.length} other ${several}`, part: rest }];
}

/** Without the padding that has no part in the score. */
function tokensOf(project: Project, input: string, ids: readonly number[], parts: Float64Array) {
  const padding = project.encoder.paddingOf?.(input);
  const isPadding = (at: number) => ids[at] === padding && parts[at] === 0;
  let start = 0;
  let end = ids.length;
  while (end > 0 && isPadding(end - 1)) {
    end--;
  }
  while (start < end && isPadding(start)) {
    start++;
  }
  const names = ids.slice(start, end).map((id) => {
    const quoted = project.encoder.tokenName?.(input, id);
    return quoted === undefined ? String(id) : String(JSON.parse(quoted));
  });
  return asText(names).map((name, at) => ({ name, part: parts[start + at] ?? 0 }));
}

/**
 * Tokens as pieces of a text: vocabularies mark the start of a word (Ġ of byte-level BPE, ▁ of SentencePiece), the
 * continuation of one (## of WordPiece), or nothing, where tokens are words.
 */
function asText(names: readonly string[]): readonly string[] {
  const marksStart = names.some((name) => /^[\u0120\u2581]/.test(name));
  return names.map((name) =>
    marksStart
      ? name.replace(/^[\u0120\u2581]/, " ").replaceAll("Ċ", "\n")
      : name.startsWith("##")
        ? name.slice(2)
        : ` ${name}`,
  );
}

/** Elements of an image, its channels added up. */
function imageParts(
  project: Project,
  input: string,
  shape: readonly number[],
  parts: Float64Array,
): WhereParts | undefined {
  const feature = project.config.features[input];
  const isLast = feature !== undefined && "image" in feature && feature.image.layout === "HWC";
  const sizes =
    shape.length === 2 ? [1, ...shape] : isLast ? [shape[2], shape[0], shape[1]] : shape;
  const [channels = 0, height = 0, width = 0] = sizes.map(Number);
  if (sizes.length !== 3 || channels > 4) {
    return undefined;
  }
  const sums = new Float32Array(height * width);
  parts.forEach((part, at) => {
    const pixel = isLast ? Math.floor(at / channels) : at % (height * width);
    sums[pixel] = (sums[pixel] as number) + part;
  });
  return { kind: "grid", height, width, parts: sums };
}
