import type { Tensor } from "../graph/tensor.ts";

/** One value, as it was at two batch sizes. */
export interface Pair {
  readonly atTwo: Tensor;
  readonly atThree: Tensor;
}

/** Every value of a model's graph at batch sizes 2 and 3. */
export type Observation = ReadonlyMap<string, Pair>;
