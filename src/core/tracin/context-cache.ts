import type { ProjectCheckpoint } from "../config/project.ts";
import type { Tensor } from "../graph/tensor.ts";

/** The weights of one checkpoint and the queries' side of the question there. */
export interface CheckpointContext {
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly queries: ReadonlyMap<string, Tensor>;
  /** Scales of the parameters, where they do not all weigh the same. */
  readonly scales: ReadonlyMap<string, Tensor>;
}

/** Keeps the contexts of all checkpoints where they fit into memory, else only the latest. */
export class ContextCache {
  private readonly contexts = new Map<string, Promise<CheckpointContext>>();
  private bytes = 0;

  constructor(
    private readonly make: (checkpoint: ProjectCheckpoint) => Promise<CheckpointContext>,
    private readonly limit: number,
  ) {}

  get(checkpoint: ProjectCheckpoint): Promise<CheckpointContext> {
    const known = this.contexts.get(checkpoint.file);
    if (known !== undefined) {
      return known;
    }
    const context = this.add(checkpoint);
    this.contexts.set(checkpoint.file, context);
    return context;
  }

  private async add(checkpoint: ProjectCheckpoint): Promise<CheckpointContext> {
    const context = await this.make(checkpoint);
    const { weights, queries, scales } = context;
    const size = [...weights.values(), ...queries.values(), ...scales.values()].reduce(
      (total, tensor) => total + tensor.data.byteLength,
      0,
    );
    if (this.bytes + size > this.limit) {
      const own = this.contexts.get(checkpoint.file);
      this.contexts.clear();
      this.bytes = 0;
      if (own !== undefined) {
        this.contexts.set(checkpoint.file, own);
      }
    }
    this.bytes += size;
    return context;
  }
}
