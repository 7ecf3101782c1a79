import { TracInError } from "../errors.ts";
import { float32, formatShape, sameShape, type Tensor } from "../graph/tensor.ts";
import type { OptimizerState, SecondMoment } from "./checkpoint.ts";
import { OptimizerEntries, type Series } from "./parameters.ts";

/**
 * Checks that a checkpoint has what {@link readPreconditioner} needs for the parameters, by the model's names. Throws
 * kind `config` when the optimizer is not adaptive, has not moved a parameter yet, or does not tell which is which.
 */
export function checkPreconditioner(
  series: Series,
  parameters: readonly string[],
): ReadonlyMap<string, SecondMoment> {
  const { checkpoint } = series;
  const entries = new OptimizerEntries(series);
  const { algorithm, parameters: all = [] } = checkpoint.optimizer ?? {};
  if (all.every(({ secondMoment }) => secondMoment === undefined)) {
    throw new TracInError(
      "config",
      `The optimizer${algorithm === undefined ? "" : ` (${algorithm})`} keeps no squares of gradients that are known here, so there is nothing to precondition with.`,
      { file: checkpoint.file },
      'It works with Adam, AdamW, NAdam, RMSprop and Adagrad; remove "checkpoints.preconditioner" from tracin.json for plain TracIn.',
    );
  }
  return new Map(
    parameters.map((name) => {
      const { secondMoment } = entries.entry(name);
      if (secondMoment === undefined) {
        throw new TracInError(
          "config",
          "The optimizer has not moved this parameter yet, so it has no step size of its own.",
          { file: checkpoint.file, tensor: name },
          'Name it under "frozen" in tracin.json, leave its layer out with "layers", or leave the checkpoint out.',
        );
      }
      return [name, secondMoment];
    }),
  );
}

/**
 * What the optimizer multiplies each parameter's gradient with before the learning rate, element by element:
 * 1 / (sqrt(correction * second - mean^2 + inside) + outside), as {@link SecondMoment} says. An element without any
 * gradient so far, under an epsilon of 0, gets 0.
 */
export async function readPreconditioner(
  series: Series,
  parameters: readonly string[],
): Promise<ReadonlyMap<string, Tensor>> {
  const { checkpoint, match } = series;
  const factors = new Map<string, Tensor>();
  for (const [name, moment] of checkPreconditioner(series, parameters)) {
    const shape = checkpoint.tensors.get(match.names.get(name) ?? "")?.shape ?? [];
    const factor = await factorOf(checkpoint.optimizer as OptimizerState, moment);
    if (!sameShape(factor.shape, shape)) {
      throw new TracInError(
        "checkpoint",
        `The optimizer's state has the shape ${formatShape(factor.shape)}, but the parameter has ${formatShape(shape)}.`,
        { file: checkpoint.file, tensor: name },
      );
    }
    factors.set(name, factor);
  }
  return factors;
}

async function factorOf(optimizer: OptimizerState, moment: SecondMoment): Promise<Tensor> {
  const { correction, inside, outside } = moment;
  const { shape, data } = await optimizer.read(moment.second);
  const mean = moment.mean === undefined ? undefined : (await optimizer.read(moment.mean)).data;
  const factors = new Float32Array(data.length);
  for (let index = 0; index < factors.length; index++) {
    const average = Number(mean?.[index] ?? 0);
    // Rounding may leave a variance just below 0.
    const square = Math.max(0, correction * Number(data[index]) - average * average);
    const size = Math.sqrt(square + inside) + outside;
    factors[index] = size === 0 ? 0 : 1 / size;
  }
  return float32(shape, factors);
}
