import type { CompileOptions, Engine, Program, Values } from "../engines/engine.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { compileForward, compileQueries, compileScores, type Question } from "./compile.ts";
import type { FormChoice, FormChooser, QuestionSize } from "./cost.ts";
import type { ForwardOptions } from "./forward.ts";

/** What does not change between the programs of one scorer. */
export type ModelOptions = Omit<ForwardOptions, "batch">;

/** How the training side may hold its weights. */
export interface WeightOptions {
  /** Told, or (undefined) calibrated. */
  readonly asInputs: boolean | undefined;
  /** Batches that each checkpoint will see. */
  readonly perCheckpoint: number;
  readonly checkpoints: number;
  /** Floats that each checkpoint is fed beside its weights. */
  readonly derivedFloats: number;
  /** Bytes for the sessions of all checkpoints. */
  readonly memory: number;
}

/** The training side of a question, for any checkpoint. */
export interface TrainingProgram {
  /** Adds to the feeds of a batch what is computed from them once for all checkpoints. */
  prepare(feeds: Values, queries: Values): Promise<Values>;
  /** Runs a batch at the weights of the checkpoint that `key` names. */
  run(
    key: string,
    weights: ReadonlyMap<string, Tensor>,
    feeds: Iterable<readonly [string, Tensor]>,
  ): Promise<Values>;
}

/** Batches per checkpoint below which a session with constant weights cannot pay for its making. */
const fewestBatches = 8;

/** Part of a run's time that constant weights save a model with convolutions at least. */
const leastGain = 0.1;

/** Begins the names of sessions with the constant weights of one checkpoint. */
const constants = "constant weights ";

/** Compiled questions that are kept: a plan and its batch, for two questions. */
const keptQuestions = 4;

/** Batch size of a plan, which is only looked at. */
export const planBatch = 2;

/** Compiles every program of a scorer once and keeps it. */
export class ProgramCache {
  private readonly programs = new Map<string, Promise<Program>>();
  private readonly questions = new Map<string, Promise<Question>>();

  constructor(
    private readonly engine: Engine,
    private readonly reference: Engine,
    private readonly model: ModelOptions,
    private readonly choose: FormChooser,
    private readonly threads = 1,
  ) {}

  private forwardOptions(batch: number): ForwardOptions {
    return { ...this.model, batch, derives: true };
  }

  /** How a question would be computed: its sites, forms and cost. */
  plan(size: QuestionSize): Promise<Question> {
    return this.question(planBatch, size);
  }

  /** Loss and prediction of a batch. */
  forward(batch: number): Promise<Program> {
    return this.cached(`forward ${batch}`, async () => compileForward(this.forwardOptions(batch)));
  }

  /** The query side of a batch of queries. */
  queries(batch: number, forms: readonly FormChoice[], aggregate: boolean): Promise<Program> {
    const key = `queries ${batch} ${aggregate} ${forms.map((form) => form.score).join()}`;
    const graph = async () => {
      const options = this.forwardOptions(batch);
      return (await compileQueries(options, forms, aggregate, this.reference)).graph;
    };
    return this.cached(key, graph, { keepsMemory: false });
  }

  /**
   * Self-influence (every element alike) and loss of a batch, for a few runs: it is not worth optimising. Its caller disposes
   * of it, because it holds the memory of a batch.
   */
  async check(batch: number): Promise<Program> {
    const size = { queries: 0, aggregate: false, queryFloats: 0 };
    const options = { ...this.forwardOptions(batch), scaling: undefined, derives: false };
    const { graph } = await compileScores(options, size, this.choose, this.reference);
    return this.engine.compile(graph, {
      optimise: false,
      keepsMemory: false,
      threads: this.threads,
    });
  }

  /** The training side with the weights as graph inputs. */
  scores(batch: number, size: QuestionSize): Promise<Program> {
    return this.cached(`scores ${batch} ${key(size)}`, async () => {
      const { graph, split } = await this.question(batch, size);
      return split?.rest ?? graph;
    });
  }

  /** A checkpoint's weights with what the programs of a planned question are fed beside them. */
  async withDerived(
    weights: ReadonlyMap<string, Tensor>,
    { derived }: Question,
  ): Promise<ReadonlyMap<string, Tensor>> {
    if (derived === undefined) {
      return weights;
    }
    const program = await this.cached("derived", async () => derived, { keepsMemory: false });
    return new Map([...weights, ...(await program.run(weights))]);
  }

  /** What is computed once for all checkpoints, where there is such a part. */
  private async once(batch: number, size: QuestionSize): Promise<Program | undefined> {
    const { split } = await this.question(batch, size);
    return split && this.cached(`once ${batch} ${key(size)}`, async () => split.once);
  }

  /** The training side as a graph with the weights as inputs; the latest ones are kept. */
  private question(batch: number, size: QuestionSize): Promise<Question> {
    const name = `${batch} ${key(size)}`;
    const known = this.questions.get(name);
    if (known !== undefined) {
      return known;
    }
    const options = this.forwardOptions(batch);
    const question = compileScores(options, size, this.choose, this.reference);
    for (const oldest of [...this.questions.keys()].slice(0, -keptQuestions)) {
      this.questions.delete(oldest);
    }
    this.questions.set(name, question);
    question.catch(() => this.questions.delete(name));
    return question;
  }

  /**
   * The training side in the faster of two ways: weights fed as inputs of one session, or one session per
   * checkpoint with constant weights, which the engine packs for convolutions. Unless told, both are timed on
   * the first batch, where there are enough batches for the second to pay.
   */
  training(batch: number, size: QuestionSize, options: WeightOptions): TrainingProgram {
    const question = `${batch} ${key(size)}`;
    this.release((name) => !name.startsWith(`${constants}${question} of `));
    let asInputs = options.asInputs ?? (this.canPayForConstants(options) ? undefined : true);
    const constant = (name: string, weights: ReadonlyMap<string, Tensor>) =>
      this.cached(`${constants}${question} of ${name}`, async () => {
        const { graph, split } = await this.question(batch, size);
        return withWeights(split?.rest ?? graph, weights);
      });
    const once = this.once(batch, size);
    once.catch(() => undefined);
    return {
      prepare: async (feeds, queries) => {
        const program = await once;
        return program === undefined
          ? feeds
          : new Map([...feeds, ...(await program.run(new Map([...feeds, ...queries])))]);
      },
      run: async (name, weights, feeds) => {
        const values = new Map([...feeds, ...weights]);
        if (asInputs === undefined) {
          const started = performance.now();
          const constantProgram = await constant(name, weights);
          const setUp = performance.now() - started;
          const constantTime = await timeRun(constantProgram, values);
          // Where the least that they gain pays, nothing else needs to be tried.
          asInputs =
            leastGain * constantTime * options.perCheckpoint < setUp &&
            ((await timeRun(await this.scores(batch, size), values)) - constantTime) *
              options.perCheckpoint <
              setUp;
          if (asInputs) {
            this.release(() => true);
          }
        }
        const program = await (asInputs ? this.scores(batch, size) : constant(name, weights));
        return program.run(values);
      },
    };
  }

  /** Frees sessions with constant weights: they are as large as the checkpoints, and serve one question alone. */
  private release(isUnused: (name: string) => boolean): void {
    for (const [name, program] of this.programs) {
      if (name.startsWith(constants) && isUnused(name)) {
        this.programs.delete(name);
        void program.then(
          (compiled) => compiled.dispose(),
          () => undefined,
        );
      }
    }
  }

  async dispose(): Promise<void> {
    const programs = await Promise.allSettled(this.programs.values());
    this.programs.clear();
    for (const program of programs) {
      if (program.status === "fulfilled") {
        await program.value.dispose();
      }
    }
  }

  /** Only convolutions gain from constant weights, and only over many batches. */
  private canPayForConstants(options: WeightOptions): boolean {
    const { nodes, initializers } = this.model.probed.graph;
    const bytes = this.model.weights.reduce(
      (total, name) => total + (initializers.get(name)?.data.byteLength ?? 0),
      4 * options.derivedFloats,
    );
    return (
      nodes.some((node) => node.op === "Conv") &&
      options.perCheckpoint >= fewestBatches &&
      3 * bytes * options.checkpoints <= options.memory
    );
  }

  private cached(
    name: string,
    graph: () => Promise<Graph>,
    options: CompileOptions = {},
  ): Promise<Program> {
    const known = this.programs.get(name);
    if (known !== undefined) {
      return known;
    }
    const { engine, threads } = this;
    const program = graph().then((compiled) => engine.compile(compiled, { ...options, threads }));
    this.programs.set(name, program);
    // What failed for want of memory may succeed the next time.
    program.catch(() => this.programs.delete(name));
    return program;
  }
}

/** The graph with the weights of a checkpoint as initializers instead of inputs. */
function withWeights(graph: Graph, weights: ReadonlyMap<string, Tensor>): Graph {
  const initializers = new Map(graph.initializers);
  for (const { name } of graph.inputs) {
    const tensor = weights.get(name);
    if (tensor !== undefined) {
      initializers.set(name, tensor);
    }
  }
  return { ...graph, initializers, inputs: graph.inputs.filter(({ name }) => !weights.has(name)) };
}

/** Milliseconds of the fastest of some runs: the first one allocates, and other programs may take the processor. */
async function timeRun(program: Program, feeds: Values): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < timedRuns; run++) {
    const started = performance.now();
    await program.run(feeds);
    least = Math.min(least, performance.now() - started);
  }
  return least;
}

const timedRuns = 4;

function key(size: QuestionSize): string {
  return `${size.queries} ${size.aggregate} ${size.queryFloats}`;
}
