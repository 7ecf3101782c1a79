import type { GradientRule } from "../gradient.ts";
import { activations } from "./activations.ts";
import { convolution } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { folding } from "./folding.ts";
import { functions } from "./functions.ts";
import { indexing } from "./indexing.ts";
import { matrix } from "./matrix.ts";
import { normalisation } from "./normalisation.ts";
import { pooling } from "./pooling.ts";
import { reduce } from "./reduce.ts";
import { resize } from "./resize.ts";
import { shape } from "./shape.ts";

/** The table of reverse mode: operator -> rule. What is not here has no gradient, and says so. */
export const rules: ReadonlyMap<string, GradientRule> = new Map(
  [
    elementwise,
    functions,
    activations,
    matrix,
    convolution,
    pooling,
    folding,
    shape,
    resize,
    reduce,
    normalisation,
    indexing,
  ].flatMap((family) => Object.entries(family)),
);
