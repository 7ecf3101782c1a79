import type { EarlyRanking } from "../../src/protocol/early.ts";
import type { RankedView } from "../../src/protocol/lists.ts";
import { formatCount } from "../format.ts";
import { counted } from "./counted.ts";

/** What the panel says before there is a run, and while one is computed. */
export const startStrings = {
  welcome: {
    intro:
      "See which training examples pushed your model towards a prediction, which pushed it away, and which labels look wrong. Nothing leaves this machine.",
    setUp:
      "First, say what belongs together in this folder: the model, its checkpoints and the data. Most of it is found by itself.",
    setUpAgain: "Other model, checkpoints or data in this folder?",
    setUpButton: "Set Up Workspace",
    sample: "Nothing trained yet? Try it on a small example with checkpoints and data.",
    sampleButton: "Open Sample",
    explain:
      "Choose an example to explain. A row of a data file or an image in the Explorer works too: right-click it.",
    explainButton: "Explain Prediction",
    testSet: "See where the model fails on a test set, and which training examples hurt it there.",
    testSetButton: "Explain Test Set",
    suspects: "Rank the training examples whose labels look wrong.",
    suspectsButton: "Find Mislabelled Examples",
  },

  computing: {
    cancel: "Cancel",
    cancelling: "Cancelling…",
    progress: (done: number, total: number) => `${formatCount(done)} of ${formatCount(total)}`,
    progressTitle: "Examples times checkpoints",
  },

  early: {
    announced: "The first rows are shown while the rest is computed: they are provisional.",
    basedOn: ({ state, scored, examples, checkpoints: { length } }: EarlyRanking) => {
      const all = examples === 1 ? "the 1 example" : `all ${formatCount(examples)} examples`;
      const some = `from ${formatCount(scored)} of ${counted.examples(examples)}`;
      const isAll = scored === examples;
      switch (state) {
        case "scored":
          return isAll
            ? `${examples === 1 ? "1 example is" : `All ${formatCount(examples)} examples are`} scored; the run is being written.`
            : `Provisional, ${some}${length > 1 ? `, each at all ${formatCount(length)} checkpoints` : ""}. The rest may rank before them.`;
        case "estimated":
          return isAll
            ? `Provisional: the gradient index has estimated ${all} (≈); the best of each list are now computed exactly.`
            : `Provisional: estimates (≈) of the gradient index, ${some}. The best of each list will be computed exactly.`;
        case "settled":
          return `The gradient index has estimated ${all}, and the best of each list are computed exactly; the run is being written.`;
      }
    },
    firstOf: (queries: number) => `About the first of ${counted.queries(queries)}.`,
    views: {
      proponents: "Proponents so far",
      opponents: "Opponents so far",
      suspects: "Suspects so far",
    } satisfies Record<Exclude<RankedView, "all">, string>,
  },
} as const;
