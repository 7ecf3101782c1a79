import { readFileSync } from "node:fs";
import { join } from "node:path";
import { counted } from "../../src/core/counted.ts";
import { runProcess } from "./measure.ts";
import type { Row } from "./rows.ts";
import type { ScoreLine } from "./score.ts";

/** The best of so many runs, where a run is short. */
const rounds = 3;
/** Seconds of a run after which it is not repeated. */
const long = 4;

/** A question to the product. */
export interface OurQuestion {
  readonly name: string;
  readonly root: string;
  readonly dataset: string;
  readonly queries: number;
  /** Where the scores are written. */
  readonly out: string;
  readonly engine?: string;
  readonly processes?: number;
  readonly layers?: string;
  readonly memoryLimit?: number;
  /** Leave out what only the comparison with the peak needs. */
  readonly withoutWork?: boolean;
}

export interface Measured {
  readonly row: Row;
  /** [examples, queries]; self-influence where there are no queries. */
  readonly scores: Float32Array;
  readonly processes: number;
}

const program = join(__dirname, "score.js");

/** Runs the product on a workspace: whole processes, and the question asked again in a running one. */
export async function ours(question: OurQuestion): Promise<Measured> {
  const args = [program, ...argumentsOf(question)];
  const runs = await repeat(
    () => runProcess(process.execPath, args),
    ({ seconds }) => seconds,
  );
  const best = runs.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  const told = JSON.parse(best.lastLine) as ScoreLine;
  const bytes = readFileSync(
    join(question.out, question.queries === 0 ? "self.bin" : "scores.bin"),
  );
  const again = await repeat(
    async () => {
      const { lastLine } = await runProcess(process.execPath, [...args, "--twice"]);
      return JSON.parse(lastLine) as ScoreLine;
    },
    ({ runningSeconds }) => runningSeconds,
  );
  const visits = told.examples * told.checkpoints;
  const work = question.withoutWork ? undefined : await multiplyAdds(question);
  return {
    scores: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
    processes: told.processes,
    row: {
      name: `${question.name}, ${processesText(told.processes, Math.max(...again.map(({ processes }) => processes)))}`,
      whole: best.seconds,
      computing: Math.min(...again.map(({ runningSeconds }) => runningSeconds)),
      visits,
      memory: Math.max(...runs.map((run) => run.peakMemory)),
      ...(work === undefined ? {} : { multiplyAdds: visits * work }),
    },
  };
}

function processesText(first: number, again: number): string {
  const text = counted(first, "process", "processes");
  return again === first ? text : `${text}, asked again ${again}`;
}

/** A process that is asked nothing: Node, our program, the engine's library, and one product of two small matrices. */
export async function engineAlone(): Promise<Row> {
  const runs = await repeat(
    () => runProcess(process.execPath, [program, "--warm"]),
    ({ seconds }) => seconds,
  );
  return {
    name: "engine loaded, nothing asked",
    whole: Math.min(...runs.map((run) => run.seconds)),
    computing: null,
    visits: null,
    memory: Math.max(...runs.map((run) => run.peakMemory)),
  };
}

function argumentsOf(question: OurQuestion): string[] {
  const { root, dataset, queries, out, engine, processes, layers, memoryLimit } = question;
  const options = { dataset, queries, out, engine, processes, layers, "memory-limit": memoryLimit };
  return [
    root,
    ...Object.entries(options).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, String(value)],
    ),
  ];
}

/** Useful multiply-adds of an example at a checkpoint. */
async function multiplyAdds(question: OurQuestion): Promise<number> {
  const { lastLine } = await runProcess(process.execPath, [
    program,
    ...argumentsOf(question),
    "--work",
  ]);
  return (JSON.parse(lastLine) as { multiplyAdds: number }).multiplyAdds;
}

async function repeat<Result>(
  run: () => Promise<Result>,
  secondsOf: (result: Result) => number,
): Promise<Result[]> {
  const results = [await run()];
  while (results.length < rounds && secondsOf(results[0] as Result) < long) {
    results.push(await run());
  }
  return results;
}
