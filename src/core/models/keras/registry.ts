import type { LayerFamily, LayerTranslator } from "./layer.ts";
import { activation } from "./layers/activation.ts";
import { applications } from "./layers/applications.ts";
import { attention } from "./layers/attention/attention.ts";
import { multiHeadAttention } from "./layers/attention/multi-head.ts";
import { convolution } from "./layers/convolution.ts";
import { dense } from "./layers/dense.ts";
import { embedding } from "./layers/embedding.ts";
import { identity } from "./layers/identity.ts";
import { images } from "./layers/images.ts";
import { merging } from "./layers/merging.ts";
import { normalisation } from "./layers/normalisation.ts";
import { pooling } from "./layers/pooling.ts";
import { preprocessing } from "./layers/preprocessing.ts";
import { recurrentLayers } from "./layers/recurrent/layers.ts";
import { reshaping } from "./layers/reshaping.ts";
import { timeDistributed } from "./layers/time-distributed.ts";

/** The families of layers, each a table from class name to translator. */
const families: readonly LayerFamily[] = [
  activation,
  applications,
  attention,
  convolution,
  dense,
  embedding,
  identity,
  images,
  merging,
  multiHeadAttention,
  normalisation,
  pooling,
  preprocessing,
  recurrentLayers,
  reshaping,
  timeDistributed,
];

/** Every Keras layer that is read: class name -> translator. */
export const layers: ReadonlyMap<string, LayerTranslator> = new Map(
  families.flatMap((family) => Object.entries(family)),
);
