import { formatCount } from "../format.ts";
import { counted } from "./counted.ts";

/** Reviewing suspects. */
export const reviewStrings = {
  review: {
    toolbar: "Review of the suspects",
    actions: {
      keep: "Keep",
      suggestion: "Relabel",
      pick: "Relabel to…",
      exclude: "Exclude",
      undo: "Undo",
      next: "Next",
      all: "All…",
    },
    keys: { keep: "K", suggestion: "R", pick: "L", exclude: "X", undo: "U", next: "N", all: "A" },
    titles: {
      keep: "The label of the active row, or of all selected ones, is right (K)",
      suggestion:
        "Give the active row, or each selected one, the label that the model suggests (R)",
      pick: "Choose a label for the active row or the selected ones (L), or press its number: 1 for the first label, 0 for the tenth",
      exclude: "Take the active row, or all selected ones, out of the training data (X)",
      undo: "Take the latest decision back (U)",
      next: "Go to the next row without a decision (N)",
      all: "Decide about all rows that the filter shows and that have no decision yet (A). Shift or Ctrl with a click selects some of them.",
    },
    apply: (count: number) => `Apply ${formatCount(count)}`,
    applyTitle:
      "Change the data as decided: labels are edited, excluded rows taken out. Undo in the editor takes it back, and the decisions wait again",
    progress: (decided: number, total: number) =>
      `${formatCount(decided)} of ${formatCount(total)} reviewed`,
    selected: (count: number) => `${formatCount(count)} selected`,
    decidedRows: (count: number, what: string) => `${counted.rows(count)}: ${what}`,
    toSuggestion: "relabelled to the suggestion",
    withoutSuggestion: "For some the model suggests no other label.",
    noSuggestion: "The model suggests no other label here.",
    undone: "The latest decision was taken back.",
    allDecided: "Every row is decided.",
    decided: (rank: number, what: string) => `Row ${formatCount(rank)}: ${what}`,
    kept: "kept",
    excluded: "excluded",
    relabelled: (label: string) => `→ ${label}`,
    states: {
      open: "Decided, but not in the data yet; Apply changes it",
      done: "Decided, and so it is in the data",
      changed: "Decided, but its label has changed since",
      gone: "Decided; it is no longer in the data",
    },
  },

  neighbours: {
    ask: "Examples for and against this label",
    title:
      "Computes which training examples made the model more and less certain of this label: a question about one example over all training data",
    computing: "Computing…",
    for: (label: string) => `For ${label}`,
    against: (label: string) => `Against ${label}`,
    titles: {
      for: "Training on these made the label of the suspect likelier (its proponents).",
      against: "Training on these made the label of the suspect less likely (its opponents).",
    },
    none: "None.",
  },
} as const;
