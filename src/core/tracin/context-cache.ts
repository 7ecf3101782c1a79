import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ProjectCheckpoint } from "../config/project.ts";
import type { Tensor } from "../graph/tensor.ts";

/** The weights of one checkpoint and the queries' side of the question there. */
export interface CheckpointContext {
  /** With what is made of them alone. */
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly queries: ReadonlyMap<string, Tensor>;
  /** Scales of the parameters, where they do not all weigh the same. */
  readonly scales: ReadonlyMap<string, Tensor>;
}

/** Keeps the contexts of all checkpoints where they fit into memory, else only the latest. */
export class ContextCache {
  private readonly contexts = new Map<string, Promise<CheckpointContext>>();
  private bytes = 0;
  /** Bytes of one of them; they are all of one size. */
  private size = 0;

  constructor(
    private readonly make: (checkpoint: ProjectCheckpoint) => Promise<CheckpointContext>,
    private readonly limit: number,
  ) {}

  get(checkpoint: ProjectCheckpoint): Promise<CheckpointContext> {
    const known = this.contexts.get(checkpoint.file);
    if (known !== undefined) {
      return known;
    }
    // What has no room is gone before the next one is made.
    if (this.bytes + this.size > this.limit) {
      this.contexts.clear();
      this.bytes = 0;
      collectGarbage(this.size);
    }
    const context = this.add(checkpoint);
    this.contexts.set(checkpoint.file, context);
    return context;
  }

  private async add(checkpoint: ProjectCheckpoint): Promise<CheckpointContext> {
    const context = await this.make(checkpoint);
    const { weights, queries, scales } = context;
    this.size = [...weights.values(), ...queries.values(), ...scales.values()].reduce(
      (total, tensor) => total + tensor.data.byteLength,
      0,
    );
    this.bytes += this.size;
    collectGarbage(this.size);
    return context;
  }
}

/** Bytes of arrays that are worth a collection: it takes ten to twenty milliseconds. */
const worthCollecting = 64 * 2 ** 20;

let collect: (() => void) | undefined;

/** Frees large arrays that nobody holds any more; by itself, V8 lets several times as much pile up. */
function collectGarbage(bytes: number): void {
  if (bytes < worthCollecting) {
    return;
  }
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
}
