import { type Project, trainingData } from "../config/project.ts";
import type { Engine, Program } from "../engines/engine.ts";
import { throwIfAborted } from "../errors.ts";
import { compileGradients } from "./compile.ts";
import { dot, numbersOf, type PairValues, partsAt } from "./pair-parts.ts";
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
  /** One part for each place, over all checkpoints, weights included; with `rest` they sum to the layer's part in the score. */
  readonly parts: Float64Array;
  /** What belongs to no place: of a table of words that is the output layer too, on pooled positions. */
  readonly rest: number;
}

/** The product at the last layer, where that is dense with one position, at the last checkpoint: error times input. */
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
        const { ids, parts, rest } = partsAt(first, theirs, ours);
        const sum = placed?.parts ?? new Float64Array(parts.length);
        parts.forEach((part, place) => {
          sum[place] = (sum[place] as number) + checkpoint.weight * part;
        });
        placed = { ids, parts: sum, rest: (placed?.rest ?? 0) + checkpoint.weight * rest };
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
    const options = { ...this.model, batch: 1 };
    const { graph, result } = await compileGradients(options, this.reference, (forward, groups) => {
      const sites = pairSites(forward, groups, this.model);
      tapPair(forward, sites);
      return sites;
    });
    return { program: await this.engine.compile(graph, { optimise: false }), sites: result };
  }
}

function productAt(parameter: string, query: PairValues, example: PairValues): LayerProduct {
  const pair = (name: string) => [numbersOf(query, name), numbersOf(example, name)] as const;
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

function cosine(a: Float64Array, b: Float64Array): number {
  const norms = Math.sqrt(dot(a, a) * dot(b, b));
  return norms === 0 ? 0 : dot(a, b) / norms;
}
