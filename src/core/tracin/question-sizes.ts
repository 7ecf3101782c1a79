import type { Project } from "../config/project.ts";
import { sizeOf } from "../graph/tensor.ts";
import type { ProbedModel } from "../models/probe.ts";
import type { Question } from "./compile.ts";
import { planBatch } from "./programs.ts";

/** In how many examples at once a question is answered. */
export interface QuestionSizes {
  /** Examples of one run of the engine. */
  readonly batch: number;
  /** Most queries whose gradients are computed at once. */
  readonly queryBlock: number;
  /** Examples whose scores are finished together. */
  readonly chunk: number;
  /** Those of the first chunk: one batch, so that slow models have ranks to show soon, where a chunk costs nothing beyond its examples. */
  readonly firstChunk: number;
  /** Whether the weights and query gradients of all checkpoints fit into memory. */
  readonly keepsContexts: boolean;
}

/** The model whose examples are scored. */
interface SizedModel {
  readonly project: Project;
  readonly probed: ProbedModel;
  /** Number of parameter elements that count. */
  readonly parameterCount: number;
}

/**
 * Bytes of intermediate values of one batch that keep the processor's caches and the memory both content. Twice as many are as
 * fast in a process that has the machine to itself, but two processes then hinder each other (small CNN: 1.1 times slower).
 */
const bytesPerBatch = 7 * 2 ** 20;
/** A graph of many small steps (an unrolled recurrent layer) takes larger batches: a node has a price of its own. */
const bytesPerNode = 2 ** 15;
const largestBatch = 1024;
/** Fewest examples per chunk; work is shared in whole chunks. */
export const smallestChunk = 256;

/**
 * Examples per batch: as many as keep a batch's values within the processor's caches, or more where every batch reads weights
 * and queries that are larger than its values; in any case within the memory limit. Examples per chunk: where the weights and
 * query gradients of all checkpoints fit into memory, a few hundred, so that the first ranks come soon; where they do not, each
 * chunk reads every checkpoint anew, and a chunk is as large as the memory limit lets it be.
 */
export function sizesOf(
  sized: SizedModel,
  options: {
    readonly memoryLimit: number;
    readonly batch?: number;
    /** Examples that a chunk should have at most, where several processes share them; a batch has half of that, so that all end together. */
    readonly most?: number | undefined;
  },
  plan: Question,
  queries: number,
): QuestionSizes {
  const { memoryLimit, most = Number.POSITIVE_INFINITY } = options;
  const largest = Math.min(largestBatch, Math.max(1, most / 2));
  const batch = options.batch ?? batchOf(sized, plan, memoryLimit, largest);
  const keepsContexts = 4 * contextFloats(sized, plan) <= memoryLimit / 2;
  const fitting = batch * Math.floor(memoryLimit / 4 / chunkBytes(sized, plan, queries) / batch);
  const size = Math.min(most, keepsContexts ? smallestChunk : fitting);
  const chunk = batch * Math.max(1, Math.ceil(size / batch));
  const queryBlock = queryBlockOf(plan, queries, batch, memoryLimit);
  return { batch, queryBlock, chunk, firstChunk: keepsContexts ? batch : chunk, keepsContexts };
}

function batchOf(sized: SizedModel, plan: Question, memoryLimit: number, largest: number): number {
  const cached = Math.max(bytesPerBatch, bytesPerNode * plan.graph.nodes.length);
  const held = 4 * plan.heldFloats;
  // Weights are there twice while those of the next checkpoint are read.
  const fixed = 4 * (2 * weightFloats(sized) + plan.queryFloats + plan.derivedFloats);
  const wanted = Math.max(
    Math.min(cached, memoryLimit / 4) / (4 * plan.floatsPerExample),
    fixed / (1.5 * held),
  );
  const fitting = Math.max(1, Math.min(wanted, largest, (memoryLimit - fixed) / (1.25 * held)));
  return fitting < 8 ? Math.floor(fitting) : 2 ** Math.floor(Math.log2(fitting));
}

/** Queries whose values and gradients take no more memory than a batch, or than a small part of the limit; a sum has one gradient. */
function queryBlockOf(plan: Question, queries: number, batch: number, memoryLimit: number): number {
  if (queries <= 1) {
    return batch;
  }
  const each = 4 * (plan.heldFloats + plan.queryFloats / queries);
  const memory = Math.max(4 * plan.heldFloats * batch, memoryLimit / 16);
  return Math.max(1, Math.min(batch, Math.floor(memory / each)));
}

/** Floats of the weights, what is derived of them, query gradients and scales of all checkpoints. */
function contextFloats(sized: SizedModel, plan: Question): number {
  const isEach = plan.groups.some(({ scale }) => scale?.kind === "each");
  const scaleFloats = isEach ? sized.parameterCount : 0;
  const floats = weightFloats(sized) + plan.derivedFloats + plan.queryFloats + scaleFloats;
  return sized.project.checkpoints.length * floats;
}

function weightFloats({ project: { parameters, buffers }, probed }: SizedModel): number {
  return [...parameters, ...buffers].reduce(
    (total, name) => total + sizeOf(probed.typeAt(name, 1).shape),
    0,
  );
}

/** Bytes that an example of a chunk takes until the chunk is finished. */
function chunkBytes({ project, probed }: SizedModel, plan: Question, queries: number): number {
  const { checkpoints, model } = project;
  const inputFloats = model.graph.inputs.reduce(
    (total, input) => total + sizeOf(probed.typeAt(input.name, 1).shape),
    0,
  );
  const keptFloats = (plan.split?.once.outputs ?? []).reduce(
    (total, { shape }) => total + shape.reduce<number>((n, size) => n * Number(size), 1),
    0,
  );
  return 4 * (inputFloats + keptFloats / planBatch + checkpoints.length * (queries + 3));
}
