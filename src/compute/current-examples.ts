import { datasetOf, type Project } from "../core/config/project.ts";
import { ContentIndex, contentHashes } from "../core/datasets/content.ts";
import type { Dataset } from "../core/datasets/dataset.ts";
import type { ReviewItem } from "../protocol/reviews.ts";

/** Neighbouring examples that are read together. */
const block = 256;

/** An example as it is now. */
interface Current {
  readonly content: string;
  readonly target: string;
}

/** What is known of an open dataset; a dataset that changes is opened anew, so nothing here gets out of date. */
interface Known {
  readonly examples: Map<number, Current>;
  index: Promise<ContentIndex> | undefined;
}

const knownDatasets = new WeakMap<Dataset, Known>();

/** Where an example stands now: at its index, or wherever its content has moved to. */
export async function find(project: Project, item: ReviewItem): Promise<number | undefined> {
  const dataset = project.datasets.get(item.dataset);
  if (dataset === undefined) {
    return undefined;
  }
  const { content, index } = item;
  const now = await current(project, item.dataset, index);
  if (now !== undefined && (content === undefined || now.content === content)) {
    return index;
  }
  if (content === undefined) {
    return undefined;
  }
  return (await contentIndex(dataset)).nearest(content, index);
}

/** The examples of a dataset by their content. */
export function contentIndex(dataset: Dataset): Promise<ContentIndex> {
  const known = knownOf(dataset);
  known.index ??= ContentIndex.of(dataset);
  return known.index;
}

/** An example of a dataset now; undefined beyond its end. */
export async function current(
  project: Project,
  name: string,
  index: number,
): Promise<Current | undefined> {
  const { examples } = knownOf(datasetOf(project, name));
  if (!examples.has(index)) {
    await readExamples(project, [{ dataset: name, index }]);
  }
  return examples.get(index);
}

/** Reads examples that are not known yet, neighbours together. */
export async function readExamples(project: Project, items: readonly ReviewItem[]): Promise<void> {
  const wanted = new Map<string, Set<number>>();
  for (const { dataset: name, index } of items) {
    const dataset = datasetOf(project, name);
    const { examples } = knownOf(dataset);
    if (index < dataset.length && !examples.has(index)) {
      const indices = wanted.get(name) ?? new Set();
      wanted.set(name, indices.add(index));
    }
  }
  for (const [name, indices] of wanted) {
    const dataset = datasetOf(project, name);
    const { examples } = knownOf(dataset);
    const blocks = new Map<number, number[]>();
    for (const index of indices) {
      const place = Math.floor(index / block);
      blocks.set(place, [...(blocks.get(place) ?? []), index]);
    }
    for (const inBlock of blocks.values()) {
      const start = Math.min(...inBlock);
      const end = Math.max(...inBlock) + 1;
      const contents = await contentHashes(dataset, start, end);
      const targets = await project.encoder.targetTexts(dataset, start, end);
      for (let index = start; index < end; index++) {
        const content = contents[index - start] ?? "";
        examples.set(index, { content, target: targets[index - start] ?? "" });
      }
    }
  }
}

function knownOf(dataset: Dataset): Known {
  let known = knownDatasets.get(dataset);
  if (known === undefined) {
    known = { examples: new Map(), index: undefined };
    knownDatasets.set(dataset, known);
  }
  return known;
}
