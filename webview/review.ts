import type { PanelReview, PanelReviews } from "../src/protocol/panel.ts";
import { isInData } from "../src/protocol/reviews.ts";

/** What a person can do with the active suspect. */
export type ReviewAction =
  | { readonly kind: "keep" | "suggestion" | "pick" | "exclude" }
  | { readonly kind: "undo" }
  | { readonly kind: "next" }
  | { readonly kind: "all" }
  | { readonly kind: "label"; readonly label: string };

const keys: Readonly<Record<string, Exclude<ReviewAction["kind"], "label">>> = {
  k: "keep",
  r: "suggestion",
  l: "pick",
  x: "exclude",
  u: "undo",
  n: "next",
  a: "all",
};

/** What a key does: a letter, or the number of a label (1 for the first, 0 for the tenth). */
export function actionOfKey(
  key: string,
  labels: readonly string[] | undefined,
): ReviewAction | undefined {
  const kind = keys[key.toLowerCase()];
  if (kind !== undefined) {
    return { kind };
  }
  const label = /^\d$/.test(key) ? labels?.[(Number(key) + 9) % 10] : undefined;
  return label === undefined ? undefined : { kind: "label", label };
}

/** The decisions about the training examples, by row of the shown run. */
export class ReviewIndex {
  private readonly byIndex: ReadonlyMap<number, PanelReview>;
  private readonly byContent: ReadonlyMap<string, PanelReview>;

  constructor(readonly reviews: PanelReviews) {
    this.byIndex = new Map(reviews.list.filter(isInData).map((review) => [review.index, review]));
    this.byContent = new Map(reviews.list.map((review) => [review.content, review]));
  }

  /** How many decisions are not applied to the data yet. */
  get open(): number {
    return this.reviews.list.filter(({ state }) => state === "open").length;
  }

  /** The decision about a row; with its content it is found although rows have moved since. */
  of(
    row: { readonly index: number; readonly content?: string } | undefined,
  ): PanelReview | undefined {
    if (row === undefined) {
      return undefined;
    }
    const there = this.byIndex.get(row.index);
    return row.content === undefined || there?.content === row.content
      ? there
      : this.byContent.get(row.content);
  }

  /**
   * The next row without a decision after `active`, going round at the end; undefined when all are decided.
   * @param rowAt a row of the list, undefined while its page is on the way (it counts as undecided)
   */
  nextUndecided(
    active: number,
    total: number,
    rowAt: (index: number) => { readonly index: number; readonly content?: string } | undefined,
  ): number | undefined {
    for (let step = 1; step <= total; step++) {
      const index = (active + step) % total;
      if (this.of(rowAt(index)) === undefined) {
        return index;
      }
    }
    return undefined;
  }
}

export const noReviews = new ReviewIndex({ list: [], undoable: 0 });
