import { type Attribute, intAttribute, type Node, stringAttribute } from "../../graph/graph.ts";
import { Expander, type Expansion } from "./expansion.ts";

/**
 * LSTM, GRU and RNN as their steps, one after the other. The inputs of all steps go through one product; a step has the
 * recurrent product alone. `X` is [time, batch, features] (layout 0) or [batch, time, features] (layout 1).
 */
export const recurrent = {
  LSTM: (expansion: Expansion) => unroll(expansion, 4, ["Sigmoid", "Tanh", "Tanh"], lstmStep),
  GRU: (expansion: Expansion) => unroll(expansion, 3, ["Sigmoid", "Tanh"], gruStep),
  RNN: (expansion: Expansion) => unroll(expansion, 1, ["Tanh"], rnnStep),
};

/** One direction of a layer: what its steps share. */
interface Direction {
  readonly nodes: Expander;
  readonly hidden: number;
  /** R transposed: [hidden, gates * hidden]. */
  readonly recurrence: string;
  /** The recurrent bias [gates * hidden], where a step adds it itself. */
  readonly bias: string | undefined;
  /** Peepholes [3 * hidden]: input, output, forget. */
  readonly peepholes: string | undefined;
  readonly activate: readonly ((value: string) => string)[];
}

/** States [batch, hidden]; undefined where they are zeros. */
interface State {
  readonly h: string | undefined;
  readonly c?: string | undefined;
}

/** The states after a step, from the projected input [batch, gates * hidden] and the states before. */
type Step = (direction: Direction, input: string, state: State) => State & { readonly h: string };

function unroll(
  expansion: Expansion,
  gates: number,
  activations: readonly string[],
  step: Step,
): readonly Node[] {
  const { node, fail } = expansion;
  const nodes = new Expander(expansion);
  const [x = "", w = "", r = "", b = "", lengths = "", startH = ""] = node.inputs;
  const [startC, peepholes] = node.op === "LSTM" ? [node.inputs[6], node.inputs[7]] : [];
  const direction = stringAttribute(node, "direction", "forward");
  const batchFirst = intAttribute(node, "layout", 0) === 1;
  const steps = expansion.sizes(x)[batchFirst ? 1 : 0];
  const hidden = expansion.sizes(r)[2];
  if (steps === undefined || hidden === undefined) {
    return fail(
      "The number of time steps is not fixed.",
      "Pad or cut the data to one length; the batch must be the other axis.",
    );
  }
  const states = [startH, startC ?? ""].filter((value) => value !== "");
  if (
    expansion.sizes(r)[1] !== gates * hidden ||
    states.some((value) => expansion.sizes(value)[2] !== hidden)
  ) {
    return fail(
      `Its weights and states do not fit ${hidden} units: ONNX has no recurrent layers with a projection.`,
      "Write the layer as a loop of nn.LSTMCell and nn.Linear.",
    );
  }
  if (intAttribute(node, "input_forget", 0) !== 0) {
    return fail("Coupled input and forget gates are not supported.");
  }
  if (node.attributes["clip"] !== undefined) {
    return fail("Clipped gates are not supported.");
  }
  const early = node.op !== "GRU" || intAttribute(node, "linear_before_reset", 0) === 0;
  const backward = direction === "bidirectional" ? [false, true] : [direction === "reverse"];
  const functions = namesOf(node, activations, backward.length);
  const input = batchFirst ? x : nodes.transpose(x, [1, 0, 2]);
  const masks = stepMasks(nodes, lengths, steps);
  const results = backward.map((isBackward, index) => {
    const own = (value: string | undefined, axis: number): string | undefined =>
      value ? nodes.at(value, axis, index) : undefined;
    const biases = own(b, 0);
    const [inputBias, ownBias] = [0, 1].map((half) =>
      biases === undefined
        ? undefined
        : nodes.slice(biases, 0, half * gates * hidden, (half + 1) * gates * hidden),
    );
    let projected = nodes.apply("MatMul", [input, nodes.transpose(nodes.at(w, 0, index), [1, 0])]);
    for (const bias of [inputBias, early ? ownBias : undefined]) {
      projected = bias === undefined ? projected : nodes.apply("Add", [projected, bias]);
    }
    const shared: Direction = {
      nodes,
      hidden,
      recurrence: nodes.transpose(nodes.at(r, 0, index), [1, 0]),
      bias: early ? undefined : ownBias,
      peepholes: own(peepholes, 0),
      activate: activations.map((_, place) =>
        activation(nodes, functions[index * activations.length + place] ?? ""),
      ),
    };
    let state: State = { h: own(startH, batchFirst ? 1 : 0), c: own(startC, batchFirst ? 1 : 0) };
    // The gradient of the parts of one Split is one Concat; each of as many slices would be padded to the whole, and all added up.
    const projections = nodes
      .split(projected, 1, new Array<number>(steps).fill(1))
      .map((value) => nodes.squeeze(value, 1));
    const outputs = new Array<string>(steps).fill("");
    for (let turn = 0; turn < steps; turn++) {
      const time = isBackward ? steps - 1 - turn : turn;
      const next = step(shared, projections[time] ?? "", state);
      const mask = masks[time];
      outputs[time] = mask === undefined ? next.h : nodes.apply("Mul", [next.h, mask]);
      state =
        mask === undefined
          ? next
          : { h: kept(nodes, mask, next.h, state.h), c: kept(nodes, mask, next.c, state.c) };
    }
    return { outputs, ...state };
  });
  const named = [
    // [batch, time, directions, hidden]
    ...output(node.outputs[0], () => {
      const all = results.map(({ outputs }) =>
        nodes.unsqueeze(
          nodes.concat(
            outputs.map((value) => nodes.unsqueeze(value, 1)),
            1,
          ),
          2,
        ),
      );
      const joined = nodes.concat(all, 2);
      return batchFirst ? joined : nodes.transpose(joined, [1, 2, 0, 3]);
    }),
    ...[results.map(({ h }) => h), results.map(({ c }) => c)].flatMap((states, index) =>
      output(node.outputs[index + 1], () => {
        const axis = batchFirst ? 1 : 0;
        return nodes.concat(
          states.map((value) => nodes.unsqueeze(value ?? "", axis)),
          axis,
        );
      }),
    ),
  ];
  return [...nodes.made(), ...named];
}

/** A node that gives a value the name of one of the outputs, where it is asked for. */
function output(name: string | undefined, make: () => string): readonly Node[] {
  if (!name) {
    return [];
  }
  return [{ op: "Identity", name, inputs: [make()], outputs: [name], attributes: {} }];
}

/** For each step [batch, 1]: 1 where the example has it, else 0; nothing where all have all. */
function stepMasks(nodes: Expander, lengths: string, steps: number): readonly string[] {
  if (lengths === "") {
    return [];
  }
  const known = nodes.expansion.constant(lengths);
  if (known && [...known.data].every((length) => Number(length) === steps)) {
    return [];
  }
  const to: Attribute = { type: "int", value: 1 };
  const counts = nodes.unsqueeze(nodes.apply("Cast", [lengths], { to }), 1);
  return Array.from({ length: steps }, (_, time) =>
    nodes.apply("Cast", [nodes.apply("Greater", [counts, nodes.scalar("time", time)])], { to }),
  );
}

/** The new state where the mask is 1, else the old one. */
function kept(
  nodes: Expander,
  mask: string,
  next: string | undefined,
  before: string | undefined,
): string | undefined {
  if (next === undefined) {
    return undefined;
  }
  const taken = nodes.apply("Mul", [next, mask]);
  if (before === undefined) {
    return taken;
  }
  const rest = nodes.apply("Sub", [nodes.scalar("one", 1), mask]);
  return nodes.apply("Add", [taken, nodes.apply("Mul", [before, rest])]);
}

/** c' = f c + i g, h = o tanh(c'), with the gates in the order input, output, forget, cell. */
const lstmStep: Step = ({ nodes, hidden, recurrence, peepholes, activate }, input, state) => {
  const [gate = same, cell = same, end = same] = activate;
  const sum = plus(nodes, input, product(nodes, state.h, recurrence));
  const [i = "", o = "", f = "", g = ""] = nodes.split(sum, 1, [hidden, hidden, hidden, hidden]);
  const peep = (index: number, value: string | undefined) =>
    peepholes === undefined || value === undefined
      ? undefined
      : nodes.apply("Mul", [
          value,
          nodes.slice(peepholes, 0, index * hidden, (index + 1) * hidden),
        ]);
  const taken = gate(plus(nodes, i, peep(0, state.c)));
  const fresh = nodes.apply("Mul", [taken, cell(g)]);
  const c =
    state.c === undefined
      ? fresh
      : nodes.apply("Add", [
          nodes.apply("Mul", [gate(plus(nodes, f, peep(2, state.c))), state.c]),
          fresh,
        ]);
  const h = nodes.apply("Mul", [gate(plus(nodes, o, peep(1, c))), end(c)]);
  return { h, c };
};

/** h' = (1 - z) n + z h, with the gates in the order update, reset, new. */
const gruStep: Step = ({ nodes, hidden, recurrence, bias, activate }, input, { h }) => {
  const [gate = same, fresh = same] = activate;
  const late = bias !== undefined;
  const [inputGates = "", inputNew = ""] = nodes.split(input, 1, [2 * hidden, hidden]);
  const part = (value: string, from: number, to: number) =>
    nodes.slice(value, 1, from * hidden, to * hidden);
  // Without a bias the two forms of the reset gate differ all the same.
  const isLate = late || intAttribute(nodes.expansion.node, "linear_before_reset", 0) !== 0;
  const columns = (from: number, to: number) => part(recurrence, from, to);
  const all = isLate
    ? plus(nodes, product(nodes, h, recurrence) ?? bias, h === undefined ? undefined : bias)
    : undefined;
  const isRow = isLate && h === undefined;
  const slice = (from: number, to: number) =>
    all === undefined
      ? undefined
      : isRow
        ? nodes.slice(all, 0, from * hidden, to * hidden)
        : part(all, from, to);
  const recurrentGates = isLate
    ? slice(0, 2)
    : product(nodes, h, h === undefined ? "" : columns(0, 2));
  const gates = gate(plus(nodes, inputGates, recurrentGates));
  const [update = "", reset = ""] = nodes.split(gates, 1, [hidden, hidden]);
  const held = isLate ? slice(2, 3) : undefined;
  const inner = isLate
    ? held && nodes.apply("Mul", [reset, held])
    : h && product(nodes, nodes.apply("Mul", [reset, h]), columns(2, 3));
  const candidate = fresh(plus(nodes, inputNew, inner));
  const rest = nodes.apply("Sub", [nodes.scalar("one", 1), update]);
  const taken = nodes.apply("Mul", [rest, candidate]);
  return {
    h: h === undefined ? taken : nodes.apply("Add", [taken, nodes.apply("Mul", [update, h])]),
  };
};

const rnnStep: Step = ({ nodes, recurrence, activate }, input, { h }) => {
  const [end = same] = activate;
  return { h: end(plus(nodes, input, product(nodes, h, recurrence))) };
};

const same = (value: string): string => value;

function product(nodes: Expander, h: string | undefined, weight: string): string | undefined {
  return h === undefined ? undefined : nodes.apply("MatMul", [h, weight]);
}

function plus(nodes: Expander, a: string, b: string | undefined): string;
function plus(nodes: Expander, a: string | undefined, b: string | undefined): string | undefined;
function plus(nodes: Expander, a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined || b === undefined ? a : nodes.apply("Add", [a, b]);
}

function namesOf(node: Node, defaults: readonly string[], directions: number): readonly string[] {
  const given = node.attributes["activations"];
  return given?.type === "strings"
    ? given.value
    : Array.from({ length: directions }, () => defaults).flat();
}

/** Activations of the standard that take no numbers of their own, or whose defaults do. */
const plainActivations = new Set([
  "Sigmoid",
  "Tanh",
  "Relu",
  "Softsign",
  "Softplus",
  "HardSigmoid",
  "Elu",
]);

function activation(nodes: Expander, name: string): (value: string) => string {
  const { node, fail } = nodes.expansion;
  const op = [...plainActivations].find((known) => known.toLowerCase() === name.toLowerCase());
  const hasNumbers = ["activation_alpha", "activation_beta"].some((key) => {
    const given = node.attributes[key];
    return given?.type === "floats" && given.value.length > 0;
  });
  if (op === undefined || hasNumbers) {
    return fail(
      `The activation ${name}${hasNumbers ? " with numbers of its own" : ""} is not supported.`,
    );
  }
  return (value) => nodes.apply(op, [value]);
}
