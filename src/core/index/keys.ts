import { createHash, type Hash } from "node:crypto";
import type { Project, ProjectCheckpoint } from "../config/project.ts";
import { encodeGraph } from "../graph/onnx.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ModelOptions } from "../tracin/programs.ts";
import type { IndexSettings } from "./settings.ts";

/** Digits of a key: 160 bits. */
const digits = 40;

/**
 * Key of all that a shard depends on beside its checkpoint and its examples: what is kept, the model's graph, its loss, the
 * parameters that count, and the engine. Rates are not among it: they come in when the index is asked.
 */
export function settingsKey(settings: IndexSettings, model: ModelOptions, engine: string): string {
  const { probed, counted, weights, loss, target } = model;
  const ours = new Set(weights);
  const initializers = new Map([...probed.graph.initializers].filter(([name]) => !ours.has(name)));
  const hash = createHash("sha256");
  const text = { format: 2, settings, engine, loss, target, counted: [...counted], weights };
  addText(hash, JSON.stringify(text));
  hash.update(encodeGraph({ ...probed.graph, initializers }, { outputTypes: false }));
  return digest(hash);
}

/** Key of named tensors: weights of a checkpoint, or examples as the graph takes them. */
export function tensorsKey(tensors: ReadonlyMap<string, Tensor>): string {
  const hash = createHash("sha256");
  for (const [name, { dtype, shape, data }] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    addText(hash, JSON.stringify([name, dtype, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return digest(hash);
}

/** Key of a shard. */
export function shardKey(settings: string, checkpoint: string, examples: string): string {
  return textKey([settings, checkpoint, examples]);
}

/** Key of anything that JSON can say. */
export function textKey(value: unknown): string {
  return digest(createHash("sha256").update(JSON.stringify(value)));
}

/**
 * Key of what a question must have in common with the index beside its files: parameters, loss, features, and how the training
 * data is read.
 */
export function questionKey(project: Project, parameters: readonly string[]): string {
  const { loss, encoder, buffers, config } = project;
  return textKey({ parameters, buffers, loss, encoder: encoder.state, data: config.data["train"] });
}

/** Key of how the tensors of a checkpoint are called. */
export function namesKey(checkpoint: ProjectCheckpoint): string {
  return textKey([...checkpoint.names].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function addText(hash: Hash, text: string): void {
  // The length keeps neighbours apart.
  hash.update(`${text.length}:${text}`);
}

function digest(hash: Hash): string {
  return hash.digest("hex").slice(0, digits);
}
