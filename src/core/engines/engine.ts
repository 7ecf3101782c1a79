import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";

/** Values by name. */
export type Values = ReadonlyMap<string, Tensor>;

/** Hears of a run of an operator and the seconds that it took. */
export type OperatorTimer = (operator: string, seconds: number) => void;

export interface CompileOptions {
  /** Threads inside one operator; 1 unless told (processes over examples scale better). */
  readonly threads?: number;
  /** False runs the graph's nodes as they stand, for a graph that runs only once; true unless told. */
  readonly optimise?: boolean;
  /** False gives the memory of a run back after it, for a graph that runs now and then; true unless told. */
  readonly keepsMemory?: boolean;
  /** Measures operators, which costs a little; it may hear of them only when the program is disposed. */
  readonly onOperator?: OperatorTimer;
}

/** A graph that is ready to run. */
export interface Program {
  /** Runs the graph once: feeds for every graph input, values of every graph output. */
  run(feeds: Values): Promise<Values>;
  /** Frees native memory; the program cannot run afterwards. */
  dispose(): Promise<void>;
}

/** Engines by the names that runs record. */
export type EngineName = "onnxruntime" | "onnxruntime-web" | "tensorflow" | "reference";

/** Something that can execute a graph. */
export interface Engine {
  readonly name: EngineName;
  /** Throws kind `engine` when an operator is not supported or the graph is wrong. */
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
  /** Loads the engine's library, which the first `compile` would do otherwise. */
  warm?(): Promise<void>;
}
