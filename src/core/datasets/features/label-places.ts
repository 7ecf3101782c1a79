import type { FieldValue } from "../dataset.ts";
import { type Batch, known } from "./batch.ts";
import { isIndex } from "./names.ts";
import { labelOf } from "./target-values.ts";

/** Finds the class index of a label. */
export class LabelPlaces {
  private readonly places: ReadonlyMap<string, number>;

  /**
   * @param labels where no label is itself a number, an index stands for its label too
   * @param ignore name of the label of what does not count, -1; a label of that name counts all the same
   */
  constructor(
    private readonly labels: readonly string[],
    ignore?: string,
  ) {
    const places = new Map(labels.map((label, index) => [label, index]));
    if (!labels.some(isIndex)) {
      for (const index of labels.keys()) {
        places.set(String(index), index);
      }
    }
    if (ignore !== undefined && !places.has(ignore)) {
      places.set(ignore, -1);
    }
    this.places = places;
  }

  /**
   * The index of a label; -1 for the ignored one. Throws kind `data` when it is missing or unknown.
   * @param where of the value in the target, for messages: `at position 3`
   */
  of(
    batch: Batch,
    position: number,
    column: string,
    value: FieldValue | undefined,
    where = "",
  ): number {
    const name = labelOf(batch, position, column, value);
    const place = this.places.get(name);
    if (place === undefined) {
      throw batch.error(
        position,
        column,
        `The label ${JSON.stringify(name.slice(0, 80))}${where === "" ? "" : ` ${where}`} is unknown; ${known(this.labels)}.`,
        "Mend the label, or add it to labels in tracin.json if the model has an output for it.",
      );
    }
    return place;
  }
}
