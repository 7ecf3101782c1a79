import { maskTarget } from "./mask-target.ts";
import type { Project } from "./project.ts";

/** What a project's features are made of: what a person gives for an example that stands in no dataset. */
export interface ExampleForm {
  /** The columns that hold text, read through a tokenizer. */
  readonly texts: readonly string[];
  /** Whether an image is among the features. */
  readonly image: boolean;
  /** Whether the target is a mask of the image; without one the prediction is explained. */
  readonly mask: boolean;
  /** All columns that are read, those of texts among them; none of the target. */
  readonly columns: readonly string[];
  /** The columns of the target, which may be left out where the prediction is explained. */
  readonly target: readonly string[];
}

/** Reads from the configuration what an example consists of. */
export function exampleForm(project: Pick<Project, "config" | "datasets">): ExampleForm {
  const texts = new Set<string>();
  const columns = new Set<string>();
  let image = false;
  for (const feature of Object.values(project.config.features)) {
    if ("text" in feature) {
      texts.add(feature.text.column);
      columns.add(feature.text.column);
    } else if ("columns" in feature) {
      for (const column of feature.columns) {
        columns.add(column);
      }
    } else if ("tokens" in feature) {
      columns.add(feature.tokens.column);
    } else if ("array" in feature) {
      columns.add(feature.array);
    } else if ("image" in feature) {
      image = true;
    }
  }
  return {
    texts: [...texts],
    image,
    mask: maskTarget(project.config.data["train"]?.target) !== undefined,
    columns: [...columns],
    target: project.datasets.get("train")?.target ?? [],
  };
}
