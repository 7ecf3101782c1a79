import { type Node, stringAttribute } from "../../graph/graph.ts";
import { int64 } from "../../graph/tensor.ts";
import { int } from "../conversion.ts";
import { Expander, type Expansion } from "./expansion.ts";

/** Minus the log-probability of each label, of logits [batch, classes, ...]; with the second output the log-probabilities. */
export function softmaxCrossEntropyLoss(expansion: Expansion): readonly Node[] {
  const { node } = expansion;
  const nodes = new Expander(expansion);
  const [scores = "", labels = "", weights = ""] = node.inputs;
  const logarithms = nodes.apply("LogSoftmax", [scores], { axis: int(1) });
  const loss = likelihoodLoss(nodes, logarithms, labels, weights);
  const [first = "", second = ""] = node.outputs;
  return [
    ...nodes.made(),
    identity(loss, first),
    ...(second === "" ? [] : [identity(logarithms, second)]),
  ];
}

/** The same of log-probabilities. */
export function negativeLogLikelihoodLoss(expansion: Expansion): readonly Node[] {
  const nodes = new Expander(expansion);
  const [logarithms = "", labels = "", weights = ""] = expansion.node.inputs;
  return nodes.end("Identity", [likelihoodLoss(nodes, logarithms, labels, weights)]);
}

function identity(value: string, name: string): Node {
  return { op: "Identity", name, inputs: [value], outputs: [name], attributes: {} };
}

function likelihoodLoss(
  nodes: Expander,
  logarithms: string,
  labels: string,
  weights: string,
): string {
  const { node, add } = nodes.expansion;
  const to = int(1);
  const given = node.attributes["ignore_index"];
  let index = labels;
  let counted: string | undefined;
  if (given?.type === "int") {
    const number = { to: int(7) };
    const ignored = nodes.apply("Equal", [
      nodes.apply("Cast", [labels], number),
      add("ignored", int64([], [given.value])),
    ]);
    const isCounted = nodes.apply("Not", [ignored]);
    counted = nodes.apply("Cast", [isCounted], { to });
    index = nodes.apply("Mul", [
      nodes.apply("Cast", [labels], number),
      nodes.apply("Cast", [isCounted], number),
    ]);
  }
  const picked = nodes.apply("GatherElements", [logarithms, nodes.unsqueeze(index, 1)], {
    axis: int(1),
  });
  let loss = nodes.apply("Neg", [nodes.squeeze(picked, 1)]);
  let weight = counted;
  if (weights !== "") {
    const own = nodes.apply("Gather", [weights, index], { axis: int(0) });
    weight = counted === undefined ? own : nodes.apply("Mul", [own, counted]);
  }
  loss = weight === undefined ? loss : nodes.apply("Mul", [loss, weight]);
  const reduction = stringAttribute(node, "reduction", "mean");
  if (reduction === "none") {
    return loss;
  }
  if (reduction === "sum" || weight !== undefined) {
    const sum = nodes.apply("ReduceSum", [loss], { keepdims: int(0) });
    return reduction === "sum" || weight === undefined
      ? sum
      : nodes.apply("Div", [sum, nodes.apply("ReduceSum", [weight], { keepdims: int(0) })]);
  }
  return nodes.apply("ReduceMean", [loss], { keepdims: int(0) });
}
