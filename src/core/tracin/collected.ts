import type { Tensor } from "../graph/tensor.ts";
import { TensorRows } from "./tensor-rows.ts";
import { TensorSum } from "./tensor-sum.ts";

/** The outputs of a program over blocks of examples, by name. */
export class Collected {
  private readonly found = new Map<string, TensorRows | TensorSum>();

  private constructor(private readonly make: () => TensorRows | TensorSum) {}

  /** One after the other: rows of `count` examples together. */
  static rows(count: number): Collected {
    return new Collected(() => new TensorRows(count));
  }

  /** Added up. */
  static sums(): Collected {
    return new Collected(() => new TensorSum());
  }

  /** Takes an output of the next block. */
  add(name: string, block: Tensor): void {
    const found = this.found.get(name) ?? this.make();
    this.found.set(name, found);
    found.add(block);
  }

  /** Each output over all blocks. */
  get results(): Map<string, Tensor> {
    return new Map([...this.found].map(([name, { result }]) => [name, result]));
  }
}
