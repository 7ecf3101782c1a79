import { memberAt } from "../../formats/json.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import type { CompiledLoss } from "./loss.ts";
import type { NetworkOutputs } from "./network.ts";
import { declareOutput, logitsName } from "./outputs.ts";

/** Operators between an activation and an output that keep every element. */
const keeping = new Set(["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"]);
const activations: Readonly<Partial<Record<CompiledLoss["type"], string>>> = {
  "softmax-cross-entropy": "Softmax",
  "sigmoid-cross-entropy": "Sigmoid",
};

/**
 * The output whose cross-entropy is the compiled one, as Keras on TensorFlow finds it: a tensor
 * that comes straight from `softmax` or `sigmoid` knows its logits, which both cross-entropies take, whatever `from_logits`
 * says; after a Reshape it does not, and `from_logits` rules. Where it is not that of the output's own logits, what it is the
 * cross-entropy of becomes an output of its own, `NAME/logits`. Undefined for a focal loss
 * of which Keras takes one part from probabilities and the other from logits that are not theirs.
 */
export function logitsOf(
  builder: GraphBuilder,
  outputs: NetworkOutputs,
  output: string,
  { type, settings, focal }: CompiledLoss,
): string | undefined {
  const own = activations[type];
  if (own === undefined) {
    return output;
  }
  const maker = (value: string) => builder.nodes.find((node) => node.outputs.includes(value));
  const last = maker(output);
  const straight = maker(last?.inputs[0] ?? "");
  let source = last;
  while (source !== undefined && keeping.has(source.op)) {
    source = maker(source.inputs[0] ?? "");
  }
  const fromLogits = memberAt(settings, "from_logits") === true;
  const declare = (value: string): string => {
    const name = logitsName(output);
    const { op, attributes } = last ?? { op: "Identity", attributes: {} };
    builder.add({ op, name, inputs: [value], outputs: [name], attributes });
    declareOutput(builder, name, "float32", outputs.get(output)?.shape ?? []);
    return name;
  };
  const isStraight = straight?.op === "Softmax" || straight?.op === "Sigmoid";
  if (focal.gamma !== undefined && (source?.op === own ? fromLogits : isStraight)) {
    return undefined;
  }
  if (isStraight) {
    return straight.op === own ? output : declare(straight.inputs[0] ?? "");
  }
  if (fromLogits) {
    // A product, so that the activation before it is not taken for the loss's own.
    return source?.op === own
      ? declare(builder.mul(last?.inputs[0] ?? "", builder.scalar(1)))
      : output;
  }
  if (source?.op === own) {
    return output;
  }
  const toLogits = type === "softmax-cross-entropy" ? logProbabilities : logOdds;
  return declare(toLogits(builder, last?.inputs[0] ?? ""));
}

/** Keras's `epsilon`, between which and its complement probabilities are cut. */
const epsilon = 1e-7;

function clipped(builder: GraphBuilder, value: string): string {
  return builder.op("Clip", [value, builder.scalar(epsilon), builder.scalar(1 - epsilon)]);
}

/** log(p / sum p) along the last axis: its softmax cross-entropy is -log p. */
function logProbabilities(builder: GraphBuilder, value: string): string {
  const sum = builder.reduceSum(value, [-1], true);
  return builder.op("Log", [clipped(builder, builder.div(value, sum))]);
}

/** log(p / (1 - p)). */
function logOdds(builder: GraphBuilder, value: string): string {
  const p = clipped(builder, value);
  return builder.op("Log", [builder.div(p, builder.sub(builder.scalar(1), p))]);
}
