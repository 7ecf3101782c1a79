import type { Engine, OperatorTimer, Program } from "../engines/engine.ts";
import type { Graph } from "../graph/graph.ts";
import { outputs } from "./outputs.ts";

/** What a computation does, in the order in which it begins. */
export const stages = [
  "opening",
  "queries",
  "passing",
  "scoring",
  "building",
  "hashing",
  "reading",
  "decoding",
  "checkpoints",
  "compiling",
  "engine",
  "collecting",
  "writing",
  "ranking",
] as const;
export type Stage = (typeof stages)[number];

export interface TimeSpent {
  readonly seconds: number;
  /** How often it was done. */
  readonly count: number;
}

/** Where the time of one process went. Stages may overlap: decoding, and reading the next weights, go on beside the engine. */
export interface ProfileSnapshot {
  readonly stages: Readonly<Partial<Record<Stage, TimeSpent>>>;
  /** Operators of the graphs that training examples, or what is stored of them, pass; where the engine tells. */
  readonly operators: Readonly<Record<string, TimeSpent>>;
}

/** Adds up where the time of this process goes. */
export class Profile {
  private readonly spent = new Map<Stage, TimeSpent>();
  private readonly operators = new Map<string, TimeSpent>();

  /** Does some work of a stage. */
  async measure<Result>(stage: Stage, work: () => Promise<Result>): Promise<Result> {
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.add(stage, started);
    }
  }

  /** Adds the time since `started`, by `performance.now()`. */
  add(stage: Stage, started: number): void {
    addTo(this.spent, stage, { seconds: (performance.now() - started) / 1000, count: 1 });
  }

  /** Adds runs of an operator. */
  readonly addOperator: OperatorTimer = (operator, seconds) => {
    addTo(this.operators, operator, { seconds, count: 1 });
  };

  /** What was measured; engines tell of operators when their programs are disposed. */
  snapshot(): ProfileSnapshot {
    return {
      stages: Object.fromEntries(this.spent),
      operators: Object.fromEntries(this.operators),
    };
  }
}

/** Runs some work as part of a stage, if somebody wants to know. */
export function profiled<Result>(
  profile: Profile | undefined,
  stage: Stage,
  work: () => Promise<Result>,
): Promise<Result> {
  return profile === undefined ? work() : profile.measure(stage, work);
}

/** An engine whose work on the training examples, or on what is stored of them, is measured: compilation, runs, and operators. */
export function profiledEngine(engine: Engine, profile: Profile): Engine {
  return {
    ...engine,
    async compile(graph, options): Promise<Program> {
      if (!isOfTraining(graph) || options?.optimise === false) {
        return engine.compile(graph, options);
      }
      const program = await profile.measure("compiling", () =>
        engine.compile(graph, { ...options, onOperator: profile.addOperator }),
      );
      return {
        run: (feeds) => profile.measure("engine", () => program.run(feeds)),
        dispose: () => program.dispose(),
      };
    },
  };
}

/** Whether training examples pass a graph. (The one that checks a model has the same outputs, but is not optimised.) */
function isOfTraining(graph: Graph): boolean {
  return graph.outputs.some(({ name }) => trainingOutputs.has(name));
}

const trainingOutputs: ReadonlySet<string> = new Set([
  outputs.self,
  outputs.groupSelf,
  outputs.scores,
]);

function addTo<Key>(times: Map<Key, TimeSpent>, key: Key, more: TimeSpent): void {
  const known = times.get(key) ?? { seconds: 0, count: 0 };
  times.set(key, {
    seconds: known.seconds + more.seconds,
    count: known.count + more.count,
  });
}
