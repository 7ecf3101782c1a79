import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runProcess } from "./measure.ts";
import type { Measured } from "./ours.ts";
import type { Row } from "./rows.ts";

export type Peer = "captum" | "dattri" | "torch" | "captum_fast" | "captum_projected";

/** Who is asked, and how much of the work. */
export interface PeerTask {
  readonly peer: Peer;
  /** Only the first examples, where all of them take too long; held against ours by the pace. */
  readonly limit?: number;
  /** Instead of the peer's own choice of what is tried. */
  readonly threads?: string;
  readonly batches?: string;
  /** Seconds after which a setting is given up. */
  readonly seconds?: number;
  /** Only self-influence; it is compared instead of scores. */
  readonly selfAlone?: boolean;
}

/** What a peer's program prints. */
type PeerLine =
  | { readonly error: string }
  | {
      readonly seconds: number;
      readonly wholeSeconds: number;
      readonly peakMemoryBytes: number;
      readonly threads: number;
      readonly batch: number;
      readonly examples: number;
      readonly checkpoints: number;
      readonly scoresFile: string;
      readonly selfInfluence: boolean;
      readonly diskBytes: number;
      readonly keptBytes: number;
    };

const names: Readonly<Record<Peer, string>> = {
  captum: "captum TracInCP",
  captum_fast: "captum TracInCPFast",
  captum_projected: "captum TracInCPFastRandProj",
  dattri: "dattri TracIn",
  torch: "PyTorch by hand",
};

/** Seconds after which a setting is given up, unless told. */
const mostSeconds = 90;

/** The same question to a peer, from the same files. */
export async function askPeer(
  { peer, selfAlone = false, ...settings }: PeerTask,
  python: string,
  folder: string,
  architecture: string,
  ours: Measured,
): Promise<Row> {
  const script = join("test/bench/peers", `${peer}_peer.py`);
  const options = Object.entries({ arch: architecture, seconds: mostSeconds, ...settings });
  const { lastLine } = await runProcess(python, [
    script,
    folder,
    ...options.flatMap(([option, value]) => [`--${option}`, String(value)]),
    ...(selfAlone ? ["--self-influence"] : []),
  ]);
  const told = JSON.parse(lastLine) as PeerLine;
  const name = `— ${names[peer]}`;
  if ("error" in told) {
    return { name, note: told.error, whole: null, computing: null, visits: null, memory: null };
  }
  const best = `${told.threads} thread${told.threads === 1 ? "" : "s"}, batches of ${told.batch}`;
  const notes = [
    settings.limit === undefined ? undefined : `${told.examples} examples`,
    told.selfInfluence ? undefined : "no self-influence",
    told.keptBytes === 0 ? undefined : `keeps ${(told.keptBytes / 1e6).toFixed(0)} MB in memory`,
  ];
  const note = notes.filter((text) => text !== undefined).join("; ");
  return {
    name: `${name}, ${best}`,
    ...(note === "" ? {} : { note }),
    whole: told.wholeSeconds,
    computing: told.seconds,
    visits: told.examples * told.checkpoints,
    memory: told.peakMemoryBytes,
    disk: told.diskBytes,
    difference: differenceFrom(ours.scores, told.scoresFile),
  };
}

/** Compares with a .npy of float32 [queries, examples]; relative to each query's largest. */
export function differenceFrom(scores: Float32Array, file: string): number {
  const bytes = readFileSync(file);
  const start = 10 + bytes.readUInt16LE(8);
  const theirs = new Float32Array(
    bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length),
  );
  const header = bytes.subarray(10, start).toString("latin1");
  const [, queries = 1, examples = 1] = /'shape': \((\d+), (\d+)\)/.exec(header)?.map(Number) ?? [];
  return largestDifference(
    scores.subarray(0, examples * queries),
    queries,
    (query, example) => theirs[query * examples + example] as number,
  );
}

/** Largest difference from scores [examples, queries], relative to each query's largest. */
export function largestDifference(
  scores: Float32Array,
  queries: number,
  other: (query: number, example: number) => number,
): number {
  const examples = scores.length / queries;
  let worst = 0;
  for (let query = 0; query < queries; query++) {
    let scale = 0;
    let difference = 0;
    for (let example = 0; example < examples; example++) {
      const score = scores[example * queries + query] as number;
      const theirs = other(query, example);
      scale = Math.max(scale, Math.abs(theirs));
      difference = Math.max(difference, Math.abs(theirs - score));
    }
    worst = Math.max(worst, difference / scale);
  }
  return worst;
}

/** An interpreter that can import the peers' packages. */
export function findPython(told: string | undefined): string | undefined {
  const environment = "test/parity/.venv/bin/python";
  return (
    told ?? process.env["TRACIN_PYTHON"] ?? (existsSync(environment) ? environment : undefined)
  );
}
