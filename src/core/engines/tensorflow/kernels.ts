import { convolution } from "./convolution.ts";
import { creation } from "./creation.ts";
import { elementwise } from "./elementwise.ts";
import { indexing } from "./indexing.ts";
import { matrix } from "./matrix.ts";
import { normalisation } from "./normalisation.ts";
import { pooling } from "./pooling.ts";
import { reduce } from "./reduce.ts";
import { shape } from "./shape.ts";
import type { Kernel } from "./value.ts";

/** Every operator that the engine knows. */
export const kernels: ReadonlyMap<string, Kernel> = new Map(
  [
    elementwise,
    matrix,
    convolution,
    pooling,
    shape,
    reduce,
    normalisation,
    indexing,
    creation,
  ].flatMap((family) => Object.entries(family)),
);
