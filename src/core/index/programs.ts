import type { Engine, Program } from "../engines/engine.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { sizeOf } from "../graph/tensor.ts";
import { compileGradients } from "../tracin/compile.ts";
import { chooseForms } from "../tracin/cost.ts";
import type { SiteFactors } from "../tracin/factors.ts";
import { emitSelf, type QueryPart } from "../tracin/forms.ts";
import type { Forward } from "../tracin/forward.ts";
import type { SiteGroup } from "../tracin/layout.ts";
import { emitMargin, emitOutput, outputs } from "../tracin/outputs.ts";
import type { ModelOptions } from "../tracin/programs.ts";
import { planSketch, type SketchPlan, sketchFloats } from "./sketch.ts";
import { emitSketch } from "./sketch-graph.ts";
import {
  emitStored,
  emitStoredQuery,
  emitStoredScores,
  type StoredGroup,
  type StoredTensor,
  storedGroups,
  storedTensors,
} from "./stored-factors.ts";

/** What an index keeps of each gradient. */
export type IndexKind =
  | { readonly type: "sketch"; readonly size: number }
  | { readonly type: "factors" };

/** What is kept of each example and checkpoint, as the model's graph makes it. */
export interface IndexLayout {
  /** Counted parameters of each group of sites. */
  readonly groups: readonly (readonly string[])[];
  /** How gradients become sketches; undefined where factors are kept. */
  readonly sketch: SketchPlan | undefined;
  /** What is kept of each group; empty for sketches. */
  readonly stored: readonly StoredGroup[];
  /** The tensors that gradients are kept in. */
  readonly tensors: readonly StoredTensor[];
  /** Numbers that are known of the prediction of an example. */
  readonly readings: number;
  /** Whether its label has a margin. */
  readonly margins: boolean;
  /** Examples in a batch: by the model alone, so that every build computes alike. */
  readonly batch: number;
}

/** The tensor with the sketches of a batch, [batch, width], in graphs and in shards. */
export const sketchTensor = "sketch";

/** Bytes of intermediate values of a batch. */
const bytesPerBatch = 14 * 2 ** 20;
const largestBatch = 512;
const planBatch = 2;

/** Compiles what an index is built and asked with. */
export class IndexPrograms {
  private readonly programs = new Map<string, Promise<Program>>();
  private readonly layouts = new Map<string, Promise<IndexLayout>>();

  constructor(
    readonly engine: Engine,
    private readonly reference: Engine,
    private readonly model: ModelOptions,
  ) {}

  /** What an index of a kind keeps. Throws what compiling the model throws. */
  layout(kind: IndexKind): Promise<IndexLayout> {
    const name = JSON.stringify(kind);
    const known = this.layouts.get(name);
    if (known !== undefined) {
      return known;
    }
    const layout = this.makeLayout(kind);
    this.layouts.set(name, layout);
    layout.catch(() => this.layouts.delete(name));
    return layout;
  }

  private async makeLayout(kind: IndexKind): Promise<IndexLayout> {
    const { result } = await this.gradients(planBatch, (forward, groups) => {
      const factors = groups.map((group) => group.factors);
      const sketch = kind.type === "sketch" ? planSketch(factors, kind.size) : undefined;
      const stored = kind.type === "factors" ? storedGroups(factors) : [];
      const tensors: readonly StoredTensor[] =
        sketch === undefined
          ? stored.flatMap((group, index) => storedTensors(index, group))
          : [{ name: sketchTensor, dtype: "float32", shape: [sketch.width] }];
      const own = sketch === undefined ? 0 : sketchFloats(sketch, factors);
      const kept = tensors.reduce((total, { shape }) => total + sizeOf(shape), 0);
      const norms = factors.reduce((total, each) => total + selfForm(each).memory, 0);
      const floats =
        2 * forward.floatsPerExample + forward.loss.floatsPerExample + own + kept + norms;
      const fitting = 2 ** Math.max(0, Math.floor(Math.log2(bytesPerBatch / (4 * floats))));
      return {
        groups: groups.map(({ group }) => [...group.parameters]),
        sketch,
        stored,
        tensors,
        readings: forward.loss.prediction?.width ?? 0,
        margins: forward.loss.margin !== undefined,
        batch: Math.min(largestBatch, fitting),
      };
    });
    return result;
  }

  /** The training side: the stored tensors, norms, loss, margin and prediction of a batch. */
  async build(kind: IndexKind, batch: number): Promise<Program> {
    const layout = await this.layout(kind);
    return this.cached(`build ${JSON.stringify(kind)} ${batch}`, async () => {
      const { graph } = await this.gradients(batch, (forward, groups) => {
        const factors = groups.map((group) => group.factors);
        emitKept(forward, factors, layout);
        emitNorms(forward, factors);
        emitMargin(forward);
      });
      return graph;
    });
  }

  /** The queries' side of a sketch: [batch, width], each group times its weight. */
  async querySketch(kind: IndexKind, batch: number): Promise<Program> {
    const { sketch } = await this.layout(kind);
    return this.cached(`sketch ${JSON.stringify(kind)} ${batch}`, async () => {
      const { graph } = await this.gradients(batch, (forward, groups) => {
        const factors = groups.map((group) => group.factors);
        const value = emitSketch(forward, factors, sketch as SketchPlan, true);
        const shape = [batch, (sketch as SketchPlan).width];
        emitOutput(forward.builder, value, sketchTensor, shape);
      });
      return graph;
    });
  }

  /** The queries' side of stored factors, by the names of the parts that {@link storedScores} takes. */
  async queryFactors(batch: number, aggregate: boolean): Promise<Program> {
    const { stored } = await this.layout({ type: "factors" });
    return this.cached(`query factors ${batch} ${aggregate}`, async () => {
      const { graph } = await this.gradients(batch, (forward, groups) => {
        groups.forEach(({ factors }, index) => {
          const own = stored[index] as StoredGroup;
          for (const { part, value } of emitStoredQuery(forward, index, factors, own, aggregate)) {
            emitPart(forward, part, value, aggregate ? 1 : batch);
          }
        });
      });
      return graph;
    });
  }

  /** Scores [rows, queries] of stored examples on the queries' parts. */
  async storedScores(
    rows: number,
    queries: number,
    aggregate: boolean,
    threads: number,
  ): Promise<Program> {
    const { stored } = await this.layout({ type: "factors" });
    const name = `stored scores ${rows} ${queries} ${aggregate} ${threads}`;
    const graph = async () => {
      const builder = new GraphBuilder();
      const question = { queries, aggregate };
      const scores = stored.map((group, index) =>
        emitStoredScores(builder, index, group, rows, question),
      );
      const [first = ""] = scores;
      const sum = scores.length === 1 ? first : builder.op("Sum", scores);
      emitOutput(builder, sum, outputs.scores, [rows, queries]);
      return builder.build();
    };
    return this.cached(name, graph, threads);
  }

  /** Products [rows, queries] of stored sketches of a type with those of the queries, [width, queries]. */
  async sketchScores(
    dtype: "float32" | "float16" | "int8",
    rows: number,
    width: number,
    queries: number,
    threads: number,
  ): Promise<Program> {
    const name = `sketch scores ${dtype} ${rows} ${width} ${queries} ${threads}`;
    const graph = async () => {
      const builder = new GraphBuilder();
      const sketch = builder.input({ name: sketchTensor, dtype, shape: [rows, width] });
      const query = builder.input({
        name: queryInput,
        dtype: "float32",
        shape: [width, queries],
      });
      const wide = dtype === "float32" ? sketch : builder.op("Cast", [sketch], { to: 1 });
      const products = builder.matmul(wide, query);
      emitOutput(builder, products, outputs.scores, [rows, queries]);
      return builder.build();
    };
    return this.cached(name, graph, threads);
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

  private gradients<Result>(
    batch: number,
    emit: (
      forward: Forward,
      groups: readonly { readonly group: SiteGroup; readonly factors: SiteFactors }[],
    ) => Result,
  ) {
    return compileGradients({ ...this.model, batch }, this.reference, emit);
  }

  private cached(
    name: string,
    graph: () => Promise<ReturnType<GraphBuilder["build"]>>,
    threads = 1,
  ): Promise<Program> {
    const known = this.programs.get(name);
    if (known !== undefined) {
      return known;
    }
    const program = graph().then((compiled) => this.engine.compile(compiled, { threads }));
    this.programs.set(name, program);
    program.catch(() => this.programs.delete(name));
    return program;
  }
}

/** The input with the sketches of the queries: [width, queries]. */
export const queryInput = "query";

function emitKept(forward: Forward, factors: readonly SiteFactors[], layout: IndexLayout): void {
  const { builder, batch } = forward;
  const values =
    layout.sketch === undefined
      ? factors.flatMap((each, index) =>
          emitStored(forward, each, layout.stored[index] as StoredGroup),
        )
      : [emitSketch(forward, factors, layout.sketch, false)];
  layout.tensors.forEach(({ name, dtype, shape }, index) => {
    const value = builder.op("Identity", [values[index] as string]);
    rename(builder, value, name);
    builder.output({ name, dtype, shape: [batch, ...shape] });
  });
}

function emitNorms({ builder, batch }: Forward, factors: readonly SiteFactors[]): void {
  const norms = factors.map((each) =>
    builder.reshape(emitSelf(builder, each, selfForm(each), batch, []), [batch, 1]),
  );
  const [first = ""] = norms;
  const all = norms.length === 1 ? first : builder.op("Concat", norms, { axis: 1 });
  emitOutput(builder, all, outputs.groupSelf, [batch, norms.length]);
}

function selfForm(factors: SiteFactors) {
  return chooseForms(factors, { queries: 0, aggregate: false, queryFloats: 0 });
}

function emitPart({ builder }: Forward, part: QueryPart, value: string, rows: number): void {
  rename(builder, value, part.name);
  builder.output({ name: part.name, dtype: part.dtype, shape: [rows, ...part.shape] });
}

function rename(builder: GraphBuilder, value: string, name: string): void {
  builder.add({ op: "Identity", name, inputs: [value], outputs: [name], attributes: {} });
}
