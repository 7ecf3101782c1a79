import type { LossSpec } from "../config/project.ts";
import type { TargetForm } from "../datasets/target-form.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Node, ValueType } from "../graph/graph.ts";
import { pruneGraph } from "../graph/prune.ts";
import { type Shape, sizeOf } from "../graph/tensor.ts";
import type { ProbedModel } from "../models/probe.ts";
import { type BatchAxis, batchAxes } from "./batch-axis.ts";
import { invariantValues } from "./invariant.ts";
import { withLogits } from "./loss/logits.ts";
import { appendLoss, type LossValues } from "./loss/loss.ts";
import { isNormalisation, splitNormalisation } from "./normalisation.ts";
import { poolBeforeRelu } from "./pool-order.ts";
import { rewriteUse } from "./rewrites.ts";
import type { Scaling } from "./scaling.ts";
import { type BroadcastSite, findSites, type Site } from "./sites.ts";

/** The forward half of a question: the model at a fixed batch size with its loss, ready to be differentiated. */
export interface Forward {
  readonly builder: GraphBuilder;
  /** The model's own nodes, without loss and backward nodes. */
  readonly graph: Graph;
  readonly sites: readonly Site[];
  readonly loss: LossValues;
  readonly batch: number;
  /** Floats of all values of the model that depend on the example. */
  readonly floatsPerExample: number;
  /** Values that depend on a counted parameter and on no model input. */
  readonly carriers: ReadonlySet<string>;
  /** Values of the model that no weight changes. */
  readonly invariant: ReadonlySet<string>;
  /** See {@link ForwardOptions.keptFloats}. */
  readonly keptFloats: number;
  type(value: string): ValueType;
  /** Where the examples lie in a value. */
  batchAxis(value: string): BatchAxis;
}

export interface ForwardOptions {
  readonly probed: ProbedModel;
  /** Parameters whose gradients count. */
  readonly counted: ReadonlySet<string>;
  /** Weights that change with the checkpoint: they are inputs of the graph. */
  readonly weights: readonly string[];
  readonly loss: LossSpec;
  readonly target: TargetForm;
  readonly batch: number;
  /** Floats per example that may be kept from checkpoint to checkpoint beyond what is small; none unless told. */
  readonly keptFloats?: number | undefined;
  /**
   * Whether what is made of weights alone, such as turned kernels, is fed beside the weights. For a few runs it is computed in each
   * of them, if at all.
   */
  readonly derives?: boolean;
  /** Where parameters do not all weigh the same. */
  readonly scaling?: Scaling | undefined;
}

/**
 * The part of the model that the loss depends on, up to the logits or predictions, which are its first output; others
 * follow where the loss names one to show, and one that masks positions.
 */
export function lossGraph(probed: ProbedModel, loss: LossSpec, target: TargetForm): Graph {
  const shape = (value: string, batch: number): Shape => probed.typeAt(value, batch).shape;
  const { graph, output } = withLogits(probed.graph, loss, target.shape, shape);
  const names = [output, loss.prediction, loss.mask].filter((name) => name !== undefined);
  const outputs = names.map((name) => {
    const { dtype } = probed.typeAt(name, 1);
    return { name, dtype, shape: [] };
  });
  return pruneGraph({ ...graph, outputs });
}

/** Rewrites the folded model for one batch size and finds its sites. */
export function buildForward(options: ForwardOptions): Forward {
  const { probed, counted, batch } = options;
  const model = lossGraph(probed, options.loss, options.target);
  const types = new Map<string, ValueType>();
  const type = (value: string): ValueType => types.get(value) ?? probed.typeAt(value, batch);
  const layoutOf = new Map<string, string | BatchAxis>();
  const axisOf = batchAxes(model, probed);
  const batchAxis = (value: string) => {
    const like = layoutOf.get(value) ?? value;
    return typeof like === "string" ? axisOf(like) : like;
  };

  const builder = new GraphBuilder(withWeightInputs(model, options));
  const original = [...builder.nodes];
  const dataInputs = model.inputs.map((input) => input.name);
  const originalData = dataValues(model, dataInputs);
  const originalCarriers = carriersOf(model, counted, originalData);
  const record = (value: string, valueType: ValueType, like: string | BatchAxis): string => {
    types.set(value, valueType);
    layoutOf.set(value, typeof like === "string" ? (layoutOf.get(like) ?? like) : like);
    return value;
  };
  builder.nodes.length = 0;
  const results = new Set(model.outputs.map(({ name }) => name));
  const ordered = poolBeforeRelu(original, results, {
    unique: (stem) => builder.unique(stem),
    record: (value, like) => record(value, type(like), like),
  });
  for (const node of ordered) {
    if (isNormalisation(node) && isCounted(node, originalCarriers)) {
      for (const value of splitNormalisation(builder, node, types, type)) {
        layoutOf.set(value, node.outputs[0] as string);
      }
    } else if (
      !rewriteUse({ builder, type, carriers: originalCarriers, batchAxis, record }, node)
    ) {
      builder.add(node);
    }
  }

  const rewritten = builder.build();
  const data = dataValues(rewritten, dataInputs);
  const carriers = carriersOf(rewritten, counted, data);
  const weights = new Set(options.weights);
  const invariant = invariantValues(rewritten, new Set(dataInputs), weights);
  const sites = findSites({
    graph: rewritten,
    carriers,
    paddingRows: probed.model.paddingRows,
    type,
    batchAxis,
    unique: (stem) => builder.unique(stem),
  });
  expandBroadcasts(builder, sites, types, type);

  const floatsPerExample = [...data].reduce(
    (total, value) => total + sizeOf(type(value).shape) / batch,
    0,
  );
  const graph = { ...builder.build(), nodes: [...builder.nodes] };
  const output = model.outputs[0]?.name ?? "";
  const loss = appendLoss({
    builder,
    loss: options.loss,
    output,
    shape: type(output).shape,
    batch,
    target: options.target,
    type,
  });
  const { keptFloats = 0 } = options;
  const values = { carriers, invariant, keptFloats };
  return { builder, graph, sites, loss, batch, floatsPerExample, ...values, type, batchAxis };
}

/** Moves the checkpoint's weights from the initializers to the graph inputs, and the batch size into the inputs' shapes. */
function withWeightInputs(graph: Graph, options: ForwardOptions): Graph {
  const weights = new Set(options.weights);
  const inputs = graph.inputs.map((input) => ({
    ...input,
    shape: options.probed.typeAt(input.name, options.batch).shape,
  }));
  for (const name of weights) {
    const { dtype, shape } = options.probed.typeAt(name, options.batch);
    inputs.push({ name, dtype, shape });
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => !weights.has(name)));
  return { ...graph, inputs, initializers };
}

/** Values that depend on an example: the model's inputs and everything computed from them. */
function dataValues(graph: Graph, inputs: Iterable<string>): ReadonlySet<string> {
  const values = new Set(inputs);
  for (const node of graph.nodes) {
    if (node.inputs.some((input) => values.has(input))) {
      for (const output of node.outputs) {
        values.add(output);
      }
    }
  }
  return values;
}

/**
 * Values that depend on a counted parameter through parameters and constants alone.
 * A node with any other input is where the weight meets the data.
 */
function carriersOf(
  graph: Graph,
  counted: ReadonlySet<string>,
  data: ReadonlySet<string>,
): ReadonlySet<string> {
  const carriers = new Set(counted);
  for (const node of graph.nodes) {
    const carries = node.inputs.some((input) => carriers.has(input));
    if (carries && !node.inputs.some((input) => data.has(input))) {
      for (const output of node.outputs) {
        carriers.add(output);
      }
    }
  }
  return carriers;
}

/** True when scale or bias of a normalisation leads back to a counted parameter. */
function isCounted(node: Node, carriers: ReadonlySet<string>): boolean {
  return [node.inputs[1], node.inputs[2]].some((input) => carriers.has(input ?? ""));
}

/** Gives every broadcast site its per-example copy of the weight. */
function expandBroadcasts(
  builder: GraphBuilder,
  sites: readonly Site[],
  types: Map<string, ValueType>,
  type: (value: string) => ValueType,
): void {
  const expansions = new Map<string, BroadcastSite[]>();
  for (const site of sites) {
    if (site.kind === "broadcast") {
      const of = site.node.outputs[0] as string;
      expansions.set(of, [...(expansions.get(of) ?? []), site]);
      types.set(site.expanded, { dtype: type(site.weight).dtype, shape: site.shape });
    }
  }
  const nodes = builder.nodes.splice(0);
  for (const node of nodes) {
    let inputs = node.inputs;
    for (const site of expansions.get(node.outputs[0] as string) ?? []) {
      inputs = inputs.with(site.slot, site.expanded);
      builder.add({
        op: "Expand",
        name: site.expanded,
        inputs: [site.weight, builder.ints(site.shape)],
        outputs: [site.expanded],
        attributes: {},
      });
    }
    builder.add(inputs === node.inputs ? node : { ...node, inputs });
  }
}
