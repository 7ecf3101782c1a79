import type { LossSpec } from "../config/project.ts";
import { TracInError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph, ValueType } from "../graph/graph.ts";
import { float32, formatShape, int64, sizeOf } from "../graph/tensor.ts";

/** Names of the graph inputs that carry the targets. */
export const targetInput = "tracin.target";
/** Input [B, L] of the sigmoid loss: 1 where an output counts. */
export const targetMaskInput = "tracin.targetMask";

/** Values that the loss appends, all per example. */
export interface LossValues {
  /** The value whose gradient is known in closed form: logits or outputs. */
  readonly output: string;
  /** Gradient of the loss with respect to `output`, of the same shape. */
  readonly seed: string;
  /** [B] loss of each example, not averaged over the batch. */
  readonly loss: string;
  /** [B, O] probabilities (cross-entropies) or outputs (MSE). */
  readonly prediction: string;
}

/**
 * The value that holds the logits: a Softmax or Sigmoid that ends the model is taken back to its input,
 * because the cross-entropies apply their own. (LogSoftmax may stay: it is idempotent.)
 */
export function logitsOf(graph: Graph, loss: LossSpec): string {
  if (loss.type === "mse") {
    return loss.output;
  }
  const undone = loss.type === "softmax-cross-entropy" ? "Softmax" : "Sigmoid";
  const producer = graph.nodes.find((node) => node.outputs.includes(loss.output));
  return producer?.op === undone ? (producer.inputs[0] as string) : loss.output;
}

/** Outputs per example, O, of the value that the loss reads. @throws kind `model` when it is not [batch] or [batch, O] */
export function outputsPerExample(type: ValueType, batch: number, loss: LossSpec): number {
  if (type.shape[0] !== batch) {
    throw new TracInError(
      "model",
      `The output "${loss.output}" has shape ${formatShape(type.shape)} for a batch of ${batch}: its first axis must be the batch.`,
    );
  }
  if (loss.type === "softmax-cross-entropy" && type.shape.length !== 2) {
    throw new TracInError(
      "model",
      `The loss "${loss.type}" takes logits of shape [batch, classes], but the output "${loss.output}" has shape ${formatShape(type.shape)}.`,
    );
  }
  return sizeOf(type.shape.slice(1));
}

/**
 * Appends the loss of each example and its gradient.
 *
 * - softmax cross-entropy: l = -log softmax(z)_t, dl/dz = softmax(z) - onehot(t)
 * - sigmoid cross-entropy: l = sum_k softplus(z_k) - t_k z_k, dl/dz = sigmoid(z) - t
 * - squared error: l = sum_k (z_k - t_k)^2, dl/dz = 2 (z - t)
 *
 * `mean` divides by the number of outputs of one example (softmax has one target: no difference).
 */
export function appendLoss(
  builder: GraphBuilder,
  loss: LossSpec,
  output: string,
  type: ValueType,
  batch: number,
): LossValues {
  const outputs = outputsPerExample(type, batch, loss);
  const z = builder.reshape(output, [batch, outputs]);
  const { seed, perExample, prediction } = closedForm(builder, loss, z, batch, outputs);
  return {
    output,
    seed: builder.reshape(seed, type.shape),
    loss: perExample,
    prediction,
  };
}

function closedForm(
  builder: GraphBuilder,
  loss: LossSpec,
  z: string,
  batch: number,
  outputs: number,
): { seed: string; perExample: string; prediction: string } {
  switch (loss.type) {
    case "softmax-cross-entropy": {
      const target = builder.input({ name: targetInput, dtype: "int64", shape: [batch] });
      const classes = builder.constant(
        int64(
          [1, outputs],
          Array.from({ length: outputs }, (_, index) => index),
        ),
      );
      const isTarget = builder.op("Equal", [builder.reshape(target, [batch, 1]), classes]);
      const oneHot = builder.op("Cast", [isTarget], { to: 1 });
      const logProbability = builder.op("LogSoftmax", [z], { axis: 1 });
      const prediction = builder.op("Exp", [logProbability]);
      const perExample = builder.op("Neg", [
        builder.reduceSum(builder.mul(logProbability, oneHot), [1]),
      ]);
      // p_t - 1 loses its digits where the model is certain; it equals minus the sum of the other probabilities.
      const others = builder.mul(prediction, builder.sub(builder.scalar(1), oneHot));
      const rest = builder.mul(oneHot, builder.reduceSum(others, [1], true));
      return { seed: builder.sub(others, rest), perExample, prediction };
    }
    case "sigmoid-cross-entropy": {
      const target = builder.input({
        name: targetInput,
        dtype: "float32",
        shape: [batch, outputs],
      });
      const mask = builder.input({
        name: targetMaskInput,
        dtype: "float32",
        shape: [batch, outputs],
      });
      const prediction = builder.op("Sigmoid", [z]);
      // softplus(z) = max(z, 0) + log(1 + exp(-|z|)): no overflow at large |z|.
      const softplus = builder.add2(
        builder.op("Relu", [z]),
        builder.op("Log", [
          builder.add2(
            builder.op("Exp", [builder.op("Neg", [builder.op("Abs", [z])])]),
            builder.scalar(1),
          ),
        ]),
      );
      const terms = builder.mul(builder.sub(softplus, builder.mul(target, z)), mask);
      const scale = loss.reduction === "mean" ? 1 / outputs : 1;
      // sigmoid(z) - t as (1 - t) sigmoid(z) - t sigmoid(-z), which keeps its digits where the model is certain.
      const complement = builder.op("Sigmoid", [builder.op("Neg", [z])]);
      const gradient = builder.sub(
        builder.mul(builder.sub(builder.scalar(1), target), prediction),
        builder.mul(target, complement),
      );
      return {
        seed: scaled(builder, builder.mul(gradient, mask), scale),
        perExample: scaled(builder, builder.reduceSum(terms, [1]), scale),
        prediction,
      };
    }
    case "mse": {
      const target = builder.input({
        name: targetInput,
        dtype: "float32",
        shape: [batch, outputs],
      });
      const error = builder.sub(z, target);
      const scale = loss.reduction === "mean" ? 1 / outputs : 1;
      return {
        seed: scaled(builder, error, 2 * scale),
        perExample: scaled(builder, builder.reduceSum(builder.mul(error, error), [1]), scale),
        prediction: builder.op("Identity", [z]),
      };
    }
  }
}

function scaled(builder: GraphBuilder, value: string, factor: number): string {
  return factor === 1 ? value : builder.mul(value, builder.constant(float32([], [factor])));
}
