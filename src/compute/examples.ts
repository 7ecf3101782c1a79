import type { Project } from "../core/config/project.ts";
import { datasetOf } from "../core/config/project.ts";
import { contentHashes } from "../core/datasets/content.ts";
import { type Preview as CorePreview, previewExample } from "../core/datasets/preview.ts";
import type { ExampleInfo } from "../core/store/table-columns.ts";
import type { Place, Preview } from "../protocol/examples.ts";

/** Places and targets of the examples [start, end) of a dataset, targets as the person reads them. */
export async function describeExamples(
  project: Project,
  name: string,
  start: number,
  end: number,
): Promise<ExampleInfo[]> {
  const dataset = datasetOf(project, name);
  const targets = await project.encoder.targetTexts(dataset, start, end);
  const contents = await contentHashes(dataset, start, end);
  const hashes = await dataset.rowHashes?.(start, end);
  return targets.map((target, row) => ({
    locator: dataset.locator(start + row),
    content: contents[row] ?? "",
    target,
    rowHash: hashes?.[row],
  }));
}

/** Where an example stands, for opening and marking it. */
export function placeOf(project: Project, name: string, index: number): Place {
  const { file, line, lineCount, image } = datasetOf(project, name).locator(index);
  return { file, line, lineCount, ...(image === undefined ? {} : { image }) };
}

/** What a person is shown of an example. An example that cannot be read any more shows why. */
export async function previewOf(project: Project, name: string, index: number): Promise<Preview> {
  try {
    return toPreview(await previewExample(datasetOf(project, name), index));
  } catch (error) {
    return { kind: "text", text: error instanceof Error ? error.message : String(error) };
  }
}

/** A preview as the protocol has it. */
export function toPreview(preview: CorePreview): Preview {
  switch (preview.kind) {
    case "fields":
      return { kind: "fields", entries: preview.entries.map(({ name, value }) => [name, value]) };
    case "image":
      // Node's Buffer would reach the webview as JSON: only plain typed arrays are handed on as bytes.
      return { ...preview, bytes: new Uint8Array(preview.bytes) };
    case "text":
      return preview;
  }
}
