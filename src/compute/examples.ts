import type { Project } from "../core/config/project.ts";
import { datasetOf } from "../core/config/project.ts";
import { type Preview as CorePreview, previewExample } from "../core/datasets/preview.ts";
import { sizeOf, type Tensor } from "../core/graph/tensor.ts";
import { formatNumber, joinLabels, labelName } from "../core/store/labels.ts";
import type { ExampleInfo } from "../core/store/writer.ts";
import type { Place, Preview } from "../protocol/compute.ts";

/** Places and targets of the examples [start, end) of a dataset, targets as the person reads them. */
export async function describeExamples(
  project: Project,
  name: string,
  start: number,
  end: number,
): Promise<ExampleInfo[]> {
  const dataset = datasetOf(project, name);
  const targets = await project.encoder.targets(dataset, start, end);
  return Array.from({ length: end - start }, (_, row) => ({
    locator: dataset.locator(start + row),
    target: targetText(project, targets, row),
  }));
}

/** The target of one example as text: its label, the labels that are on, or its numbers. */
function targetText(project: Project, targets: Tensor, row: number): string {
  const { labels } = project.encoder;
  const width = sizeOf(targets.shape.slice(1));
  const values = Array.from(targets.data.subarray(row * width, (row + 1) * width), Number);
  switch (project.loss.type) {
    case "softmax-cross-entropy":
      return labelName(labels, values[0] ?? 0);
    case "sigmoid-cross-entropy":
      return joinLabels(values.flatMap((on, index) => (on > 0 ? [labelName(labels, index)] : [])));
    case "mse":
      return values.map(formatNumber).join(", ");
  }
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

function toPreview(preview: CorePreview): Preview {
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
