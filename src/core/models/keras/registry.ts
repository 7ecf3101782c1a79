import type { LayerFamily, LayerTranslator } from "./layer.ts";
import { attention } from "./layers/attention/attention.ts";
import { multiHeadAttention } from "./layers/attention/multi-head.ts";
import { dense } from "./layers/dense.ts";
import { embedding } from "./layers/embedding.ts";
import { identity } from "./layers/identity.ts";
import { maskOperations } from "./layers/mask-operations.ts";
import { recurrentLayers } from "./layers/recurrent/layers.ts";
import { timeDistributed } from "./layers/time-distributed.ts";

/** The families of layers, each a table from class name to translator. */
const families: readonly LayerFamily[] = [
  dense,
  identity,
  embedding,
  maskOperations,
  recurrentLayers,
  timeDistributed,
  attention,
  multiHeadAttention,
];

/** Every Keras layer that is read: class name -> translator. */
export const layers: ReadonlyMap<string, LayerTranslator> = new Map(
  families.flatMap((family) => Object.entries(family)),
);
