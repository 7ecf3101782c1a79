import { fork } from "node:child_process";
import type { EncoderState } from "../core/datasets/encoder.ts";
import { TracInError } from "../core/errors.ts";
import type { LayerChoice } from "../core/tracin/layers.ts";
import type { QuerySelection, ScoreChunk, ScoreProgress } from "../core/tracin/scores.ts";
import { connectTo, createClient } from "../protocol/rpc.ts";
import type { EngineName } from "./settings.ts";

/** What a helper process needs to know to score a range of examples as the main process would. */
export interface ShardJob {
  readonly root: string;
  /** Configuration file relative to the root. */
  readonly config: string;
  readonly engine: EngineName;
  /** Bytes for weights, queries and batches of the helper. */
  readonly memoryLimit: number;
  readonly layers: LayerChoice;
  readonly encoder: EncoderState;
  readonly selection: readonly QuerySelection[];
  readonly aggregate: boolean;
  readonly range: { readonly start: number; readonly end: number };
  /** Largest number of examples in a chunk. */
  readonly chunk: number;
}

/** What a helper reports while it works. */
export type ShardReport =
  | { readonly kind: "chunk"; readonly chunk: ScoreChunk }
  | { readonly kind: "progress"; readonly progress: ScoreProgress };

/** The requests that a helper process serves. */
export interface ShardApi {
  score(job: ShardJob): void;
}

/**
 * Scores a range in a process of its own, which ends with the range. Aborting ends it at once.
 * Throws kind `engine` when the process dies.
 */
export async function scoreInProcess(
  program: string,
  job: ShardJob,
  onReport: (report: ShardReport) => void,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) {
    throw new TracInError("cancelled", "Cancelled.");
  }
  const child = fork(program, [], {
    serialization: "advanced",
    execArgv: heapArguments(job.memoryLimit),
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const client = createClient<ShardApi, ShardReport>(connectTo(child));
  const kill = () => child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  const died = new Promise<never>((_, reject) => {
    child.once("error", (error) => reject(endedError(error.message, error)));
    child.once("exit", (code, name) => reject(endedError(name ?? `exit code ${code}`)));
  });
  died.catch(() => undefined);
  try {
    await Promise.race([client.request("score", job, { onProgress: onReport }), died]);
  } catch (error) {
    // The connection notices the death of its process too; the exit says why.
    const failure = TracInError.from(error);
    const isConnection = failure.kind === "engine" && child.exitCode === null;
    throw signal.aborted
      ? new TracInError("cancelled", "Cancelled.")
      : isConnection
        ? await Promise.race([died, later(failure)]).catch((reason: unknown) => reason)
        : failure;
  } finally {
    signal.removeEventListener("abort", kill);
    client.dispose();
    child.kill();
  }
}

/** Room for JavaScript objects; tensors lie outside of this heap. */
function heapArguments(memoryLimit: number): string[] {
  return [`--max-old-space-size=${Math.max(256, Math.ceil(memoryLimit / 2 ** 20))}`];
}

function endedError(reason: string, cause?: unknown): TracInError {
  return new TracInError(
    "engine",
    `A process that scored examples was ended (${reason}).`,
    {},
    "Lower the memory limit (tracin.memoryLimit, --memory-limit) or the number of processes (tracin.processes, --processes).",
    { cause },
  );
}

/** Waits a moment for the exit of the process before the failure as it is. */
function later(failure: TracInError): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(failure), 200));
}
