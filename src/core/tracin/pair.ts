import { type Project, trainingData } from "../config/project.ts";
import type { Engine, Program } from "../engines/engine.ts";
import { TracInError, throwIfAborted } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { compileGradients } from "./compile.ts";
import { type PairSites, type PairTap, pairOutputs, pairSites, tapPair } from "./pair-sites.ts";
import type { ModelOptions } from "./programs.ts";
import { type Feeds, feedsOf } from "./questions.ts";

/** Where in a training example the part of the first layer in its score comes from. */
export interface PlaceParts {
  /** The weight of the layer. */
  readonly parameter: string;
  readonly places: PairTap["places"];
  /** The token or row at each place, for layers that look rows up. */
  readonly ids: readonly number[] | undefined;
  /** One part for each place, over all checkpoints, weights included; they sum to the layer's part in the score. */
  readonly parts: Float64Array;
}

/** The product at the last dense layer with one position, at the last checkpoint: error times input. */
export interface LayerProduct {
  readonly parameter: string;
  /** Inner product of the deltas, and their cosine. */
  readonly error: number;
  readonly errorCosine: number;
  /** Inner product of the inputs, and their cosine. */
  readonly input: number;
  readonly inputCosine: number;
}

/** What is known of one training example and one query beyond their score. */
export interface PairParts {
  /** Undefined where the first layer cannot be split, with the reason in `reason`. */
  readonly first: PlaceParts | undefined;
  readonly reason: string | undefined;
  readonly last: LayerProduct | undefined;
}

/** Splits the score of one training example on one query over the places of the example. */
export class PairScorer {
  private compiled: Promise<{ program: Program; sites: PairSites }> | undefined;

  constructor(
    private readonly project: Project,
    private readonly engine: Engine,
    private readonly reference: Engine,
    private readonly model: ModelOptions,
  ) {}

  /**
   * The part of the first layer is Σ_i η_i Σ_p δ_p · (G_q u_p): with positions (tokens of a table, patches of a convolution)
   * the split is over p; with one position it is over the elements of its input, u_k (G_qᵀ δ)_k. Both sum to the
   * layer's part exactly.
   *
   * @param query feeds of the query with what is explained as its target
   * @param index the training example
   */
  async split(query: Feeds, index: number, signal?: AbortSignal): Promise<PairParts> {
    const { program, sites } = await this.compile();
    const { first, last } = sites;
    const train = trainingData(this.project);
    const encoded = await this.project.encoder.encodeAt(train, [index]);
    const example = feedsOf(encoded, this.project.loss);
    let placed: Omit<PlaceParts, "parameter" | "places"> | undefined;
    let product: LayerProduct | undefined;
    for (const checkpoint of this.project.checkpoints) {
      throwIfAborted(signal);
      const weights = await this.project.readWeights(checkpoint);
      const ours = await program.run(new Map([...example, ...weights]));
      const theirs = await program.run(new Map([...query, ...weights]));
      if (first !== undefined) {
        const { ids, parts } = partsAt(first, theirs, ours);
        const sum = placed?.parts ?? new Float64Array(parts.length);
        parts.forEach((part, place) => {
          sum[place] = (sum[place] as number) + checkpoint.weight * part;
        });
        placed = { ids, parts: sum };
      }
      product = last === undefined ? undefined : productAt(last.parameter, theirs, ours);
    }
    return {
      first: first && placed && { parameter: first.parameter, places: first.places, ...placed },
      reason: sites.reason,
      last: product,
    };
  }

  async dispose(): Promise<void> {
    const compiled = await this.compiled?.catch(() => undefined);
    await compiled?.program.dispose();
  }

  private compile(): Promise<{ program: Program; sites: PairSites }> {
    this.compiled ??= this.compileOnce();
    this.compiled.catch(() => {
      this.compiled = undefined;
    });
    return this.compiled;
  }

  private async compileOnce(): Promise<{ program: Program; sites: PairSites }> {
    const options = { ...this.model, batch: 1, weightsAsInputs: true };
    const { graph, result } = await compileGradients(options, this.reference, (forward, groups) => {
      const sites = pairSites(forward, groups, this.model);
      tapPair(forward, sites);
      return sites;
    });
    return { program: await this.engine.compile(graph, { optimise: false }), sites: result };
  }
}

type Values = ReadonlyMap<string, Tensor>;

/** The parts of the first layer at one checkpoint, not weighted. */
function partsAt(
  { input, positions, features, outputs }: PairTap,
  query: Values,
  example: Values,
): { readonly ids: readonly number[] | undefined; readonly parts: Float64Array } {
  const theirs = numbers(query, pairOutputs.firstDelta);
  const ours = numbers(example, pairOutputs.firstDelta);
  if (input === "ids") {
    const ids = Array.from(numbers(example, pairOutputs.firstInput));
    const rows = new Map<number, Float64Array>();
    numbers(query, pairOutputs.firstInput).forEach((id, position) => {
      const row = rows.get(id) ?? new Float64Array(outputs);
      for (let at = 0; at < outputs; at++) {
        row[at] = (row[at] as number) + (theirs[position * outputs + at] as number);
      }
      rows.set(id, row);
    });
    const parts = Float64Array.from(ids, (id, position) => {
      const row = rows.get(id);
      return row === undefined
        ? 0
        : dot(row, ours.subarray(position * outputs, (position + 1) * outputs));
    });
    return { ids, parts };
  }
  // G [features, outputs] of the query.
  const gradient = new Float64Array(features * outputs);
  const theirInput = numbers(query, pairOutputs.firstInput);
  for (let position = 0; position < positions; position++) {
    for (let feature = 0; feature < features; feature++) {
      const factor = theirInput[position * features + feature] as number;
      for (let at = 0; factor !== 0 && at < outputs; at++) {
        const place = feature * outputs + at;
        gradient[place] =
          (gradient[place] as number) + factor * (theirs[position * outputs + at] as number);
      }
    }
  }
  const ourInput = numbers(example, pairOutputs.firstInput);
  const parts = new Float64Array(positions === 1 ? features : positions);
  for (let position = 0; position < positions; position++) {
    const delta = ours.subarray(position * outputs, (position + 1) * outputs);
    for (let feature = 0; feature < features; feature++) {
      const factor = ourInput[position * features + feature] as number;
      const row = gradient.subarray(feature * outputs, (feature + 1) * outputs);
      const place = positions === 1 ? feature : position;
      parts[place] = (parts[place] as number) + (factor === 0 ? 0 : factor * dot(row, delta));
    }
  }
  return { ids: undefined, parts };
}

function productAt(parameter: string, query: Values, example: Values): LayerProduct {
  const pair = (name: string) => [numbers(query, name), numbers(example, name)] as const;
  const [theirDelta, ourDelta] = pair(pairOutputs.lastDelta);
  const [theirInput, ourInput] = pair(pairOutputs.lastInput);
  return {
    parameter,
    error: dot(theirDelta, ourDelta),
    errorCosine: cosine(theirDelta, ourDelta),
    input: dot(theirInput, ourInput),
    inputCosine: cosine(theirInput, ourInput),
  };
}

function numbers(values: Values, name: string): Float64Array {
  const tensor = values.get(name);
  if (tensor === undefined) {
    throw new TracInError("internal", `The graph has not computed ${name}.`);
  }
  return Float64Array.from(tensor.data, Number);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) {
    sum += (a[at] as number) * (b[at] as number);
  }
  return sum;
}

function cosine(a: Float64Array, b: Float64Array): number {
  const norms = Math.sqrt(dot(a, a) * dot(b, b));
  return norms === 0 ? 0 : dot(a, b) / norms;
}
