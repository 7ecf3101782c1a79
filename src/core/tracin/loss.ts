import type { LossSpec } from "../config/project.ts";
import { TracInError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { type Graph, intAttribute, type Node, type ValueType } from "../graph/graph.ts";
import { placeOfNode } from "../graph/place.ts";
import { float32, formatShape, int64, type Shape, sizeOf } from "../graph/tensor.ts";

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

/** Operators that keep the order of all elements. */
const reshaping = new Set(["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze"]);
/** Operators of which each output element is one of the input's. */
const moving = new Set([...reshaping, "Transpose", "Slice", "Gather"]);

/**
 * The graph whose output for the loss holds logits: a Softmax or Sigmoid that ends the model, with nothing but moved
 * elements after it (`sigmoid(x).squeeze(1)`), is left out, because the cross-entropies apply their own.
 * (LogSoftmax may stay: it is idempotent.)
 *
 * @param shape of a value at a batch size
 * @returns the graph, and the name of the value that holds the logits
 * @throws kind `model` for a Softmax that is not over the outputs of one example
 */
export function withLogits(
  graph: Graph,
  loss: LossSpec,
  shape: (value: string, batch: number) => Shape,
): { readonly graph: Graph; readonly output: string } {
  const undone = {
    "softmax-cross-entropy": "Softmax",
    "sigmoid-cross-entropy": "Sigmoid",
    mse: "",
  };
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const after: Node[] = [];
  let last = makers.get(loss.output);
  while (last !== undefined && moving.has(last.op)) {
    after.unshift(last);
    last = makers.get(last.inputs[0] ?? "");
  }
  const [probabilities, logits] = [last?.outputs[0] ?? "", last?.inputs[0] ?? ""];
  if (last === undefined || last.op !== undone[loss.type]) {
    return { graph, output: loss.output };
  }
  const isOrdered = after.every((node) => reshaping.has(node.op));
  if (last.op === "Softmax" && !(isOrdered && isOverClasses(last, loss, shape))) {
    throw new TracInError(
      "model",
      `The output "${loss.output}" comes from a Softmax that is not over the classes of one example.`,
      placeOfNode(last),
      "Let the model end with the logits of each example, [batch, classes], and export it again.",
    );
  }
  const first = after[0];
  if (first === undefined) {
    return { graph, output: logits };
  }
  // The values after it keep their names: nothing else of them reaches the loss.
  const nodes = graph.nodes.map((node) =>
    node === first
      ? { ...node, inputs: node.inputs.map((name) => (name === probabilities ? logits : name)) }
      : node,
  );
  return { graph: { ...graph, nodes }, output: loss.output };
}

/** True when each run of classes that the Softmax normalises is one row of the output [batch, classes]. */
function isOverClasses(
  node: Node,
  loss: LossSpec,
  shape: (value: string, batch: number) => Shape,
): boolean {
  return [2, 3].every((batch) => {
    const own = shape(node.outputs[0] as string, batch);
    const axis = intAttribute(node, "axis", -1);
    const from = axis < 0 ? axis + own.length : axis;
    return own[from] === shape(loss.output, batch)[1] && sizeOf(own.slice(from + 1)) === 1;
  });
}

/** Outputs per example, O, of the value that the loss reads. @throws kind `model` when it is not [batch] or [batch, O] */
function outputsPerExample(type: ValueType, batch: number, loss: LossSpec): number {
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
