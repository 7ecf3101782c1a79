import { TracInError } from "../errors.ts";
import { float32, type Tensor } from "../graph/tensor.ts";

/** Adds tensors of one shape in double precision: the gradient of an aggregate query may have thousands of parts. */
export class TensorSum {
  private first: Tensor | undefined;
  private sum: Float64Array | undefined;

  add(tensor: Tensor): void {
    if (this.first === undefined) {
      this.first = tensor;
      return;
    }
    this.sum ??= Float64Array.from(this.first.data, Number);
    const { data } = tensor;
    for (let index = 0; index < this.sum.length; index++) {
      this.sum[index] = (this.sum[index] as number) + Number(data[index]);
    }
  }

  get result(): Tensor {
    if (this.first === undefined) {
      throw new TracInError("internal", "There are no gradients to sum.");
    }
    return this.sum === undefined ? this.first : float32(this.first.shape, this.sum);
  }
}
