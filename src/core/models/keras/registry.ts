import type { LayerFamily, LayerTranslator } from "./layer.ts";
import { dense } from "./layers/dense.ts";
import { identity } from "./layers/identity.ts";

/** The families of layers, each a table from class name to translator. */
const families: readonly LayerFamily[] = [dense, identity];

/** Every Keras layer that is read: class name -> translator. */
export const layers: ReadonlyMap<string, LayerTranslator> = new Map(
  families.flatMap((family) => Object.entries(family)),
);
