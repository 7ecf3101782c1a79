import { TracInError } from "../errors.ts";
import { arrayClass, sizeOf, type Tensor, tensorOf } from "../graph/tensor.ts";

/** Rows that come block by block, put where they belong: nothing is held twice. */
export class TensorRows {
  private tensor: Tensor | undefined;
  private offset = 0;

  /** @param count rows of all blocks together */
  constructor(private readonly count: number) {}

  add(block: Tensor): void {
    const { dtype, data } = block;
    const shape = [this.count, ...block.shape.slice(1)];
    if (block.shape[0] === this.count) {
      this.tensor = block;
    } else {
      this.tensor ??= tensorOf(dtype, shape, new arrayClass[dtype](sizeOf(shape)));
      // The element type is the same on both sides; the compiler cannot see it through the union.
      (this.tensor.data as Uint8Array).set(data as Uint8Array, this.offset);
    }
    this.offset += data.length;
  }

  /** All of them. */
  get result(): Tensor {
    if (this.tensor === undefined || this.offset !== this.tensor.data.length) {
      throw new TracInError("internal", "Rows are missing.");
    }
    return this.tensor;
  }
}
