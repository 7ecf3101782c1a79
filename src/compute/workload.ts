import { stat } from "node:fs/promises";
import { join } from "node:path";
import { findCheckpoints } from "../core/checkpoints/discover.ts";
import type { Config } from "../core/config/config.ts";
import { sourceFiles } from "../core/config/load.ts";
import { multiplyAdds } from "../core/graph/products.ts";
import type { Model } from "../core/models/model.ts";
import type { Scorer } from "../core/tracin/scorer.ts";
import type { ScoreProgress } from "../core/tracin/scores.ts";
import type { ComputeShare } from "./settings.ts";

/**
 * Whether the files of a model with convolutions, whose weights are used many times an example, promise so much work that
 * a helper should start before they are read: bytes of training data times bytes of checkpoints. (What other models
 * cost is known from the number of examples, soon after.) Files that cannot be read are reported when the project is opened.
 */
export async function promisesWork(root: string, config: Config, model: Model): Promise<boolean> {
  if (!model.graph.nodes.some(({ op }) => op === "Conv")) {
    return false;
  }
  const train = config.data["train"];
  const sizes = async (files: readonly string[]) => {
    const each = await Promise.all(files.map((file) => stat(join(root, file))));
    return each.reduce((total, { size }) => total + size, 0);
  };
  try {
    const data = await sizes(train === undefined ? [] : sourceFiles(train));
    const checkpoints = await sizes(await findCheckpoints(root, config.checkpoints.files));
    return data * checkpoints >= muchWork;
  } catch {
    return false;
  }
}

/** Such as 1 MB of numbers at 1 MB of weights. */
const muchWork = 1e12;

/** Multiply-adds per second that a core reaches at least; only the start of helpers depends on it. */
const productRate = 4e10;
/** Seconds of scoring after which the pace is known. */
const longEnough = 0.05;
/** Seconds of work that are worth a helper's start: it takes a third of a second until it scores. */
const worthwhile = 0.5;

/** Seconds that one process needs at least: the model's products, forward and backward. */
export function leastSeconds({ project, probed }: Scorer, examples: number): number {
  const { nodes } = probed.graph;
  const shape = (value: string) => probed.typeAt(value, 1).shape;
  const forward = nodes.reduce((total, node) => total + multiplyAdds(node, shape), 0);
  return (2 * forward * examples * project.checkpoints.length) / productRate;
}

/** How fast one process scores, by its first runs. */
export class Pace {
  private first: { readonly time: number; readonly done: number } | undefined;
  private isTold = false;

  /**
   * Seconds that the process would take for all examples and checkpoints: told once, as soon as it has scored for a while.
   * The first run, with the engine's own preparations, does not count.
   */
  secondsFor(total: number, { phase, done }: ScoreProgress): number | undefined {
    if (phase !== "scoring" || this.isTold) {
      return undefined;
    }
    const now = performance.now();
    this.first ??= { time: now, done };
    const seconds = (now - this.first.time) / 1000;
    if (seconds < longEnough) {
      return undefined;
    }
    this.isTold = true;
    return (seconds * (total - done)) / (done - this.first.done);
  }
}

/** Helpers that are worth their start, as cores and memory allow. */
export function helpersFor({ processes }: ComputeShare, seconds: number): number {
  return Math.min(processes - 1, Math.floor(seconds / worthwhile));
}
