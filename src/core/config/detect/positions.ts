import { decodeMask } from "../../datasets/images/mask.ts";
import { openDataset } from "../../datasets/open.ts";
import type { Model } from "../../models/model.ts";
import { classAxes } from "../class-axis.ts";
import type { TargetConfig } from "../config.ts";
import type { LossSettings } from "../loss-schema.ts";
import type { Findings } from "./detection.ts";
import type { Plan } from "./features.ts";

/** A target with a label (or number) at each position, and the loss that fits it. */
export interface PositionTarget {
  readonly target: TargetConfig;
  readonly loss: LossSettings;
  /** Labels as the data write them, in file order; empty where the classes have no names. */
  readonly values: readonly string[];
  readonly classes: number | undefined;
}

/** Masks that are looked into. */
const looked = 32;
/** Names of masks and tags. */
const targetNames = /(label|target|tag|mask|class|annot|segment|ner|pos)/i;

/**
 * The target of a model whose output has positions: a list beside the tokens, the tokens themselves, a mask beside the
 * image, an array. Undefined where the output has none, or the data hold nothing of the kind.
 */
export async function positionTarget(
  root: string,
  model: Model,
  plan: Plan,
  findings: Findings,
): Promise<PositionTarget | undefined> {
  const output = model.graph.outputs[0]?.shape ?? [];
  if (output.length < 3) {
    return undefined;
  }
  const tokens = Object.entries(plan.features).find(
    ([, feature]) => "tokens" in feature || "text" in feature,
  );
  if (tokens !== undefined && output.length === 3) {
    return tokenTarget(tokens[0], output, plan, findings);
  }
  if (plan.data.kind === "images" && output.length === 4) {
    return maskTarget(root, output, plan, findings);
  }
  const shape = plan.data.shapes?.["y"];
  const axis = shape === undefined ? undefined : classAxes(output, shape)[0];
  const classes = axis === undefined ? undefined : sizeAt(output, axis);
  return axis === undefined
    ? undefined
    : { target: "y", loss: crossEntropy(classes), values: [], classes };
}

function crossEntropy(classes: number | undefined): LossSettings {
  return { type: classes === 1 ? "sigmoid-cross-entropy" : "softmax-cross-entropy" };
}

function sizeAt(shape: readonly (number | string)[], axis: number): number | undefined {
  const size = shape[axis];
  return typeof size === "number" ? size : undefined;
}

function tokenTarget(
  input: string,
  output: readonly (number | string)[],
  plan: Plan,
  findings: Findings,
): PositionTarget {
  const feature = plan.features[input];
  const tokens = feature !== undefined && "tokens" in feature ? feature.tokens : undefined;
  const length = tokens?.length;
  const axes = length === undefined ? [2] : classAxes(output, [length]);
  const classes = sizeAt(output, axes.length === 1 ? (axes[0] ?? 2) : 2);
  const lists = listColumns(plan, tokens?.column);
  const column = findings.choose(
    "target",
    `Which column of ${plan.data.path} holds the label of each token?`,
    lists,
    ({ name }) => ({ value: name, label: name }),
  );
  if (column === undefined) {
    findings.notes.push(
      `No column of ${plan.data.path} holds a list with a label for each token: the target is the next token of "${input}".`,
    );
    return {
      target: { tokensOf: input },
      loss: { type: "softmax-cross-entropy" },
      values: [],
      classes,
    };
  }
  return {
    target: { perToken: column.name },
    loss: crossEntropy(classes),
    values: column.values,
    classes,
  };
}

/** Columns with a list for each example, as long as its tokens; the likeliest by name first. */
function listColumns({ data, used }: Plan, tokenColumn: string | undefined) {
  const lengthOf = (value: unknown) => (Array.isArray(value) ? value.length : undefined);
  return data.columns
    .filter((name) => !used.has(name))
    .flatMap((name) => {
      const fits = data.examples.every(({ fields }) => {
        const length = lengthOf(fields[name]);
        const expected = tokenColumn === undefined ? length : lengthOf(fields[tokenColumn]);
        return length !== undefined && length === expected;
      });
      const values = data.examples.flatMap(({ fields }): unknown => fields[name]).map(String);
      return fits && data.examples.length > 0 ? [{ name, values: [...new Set(values)] }] : [];
    })
    .sort((a, b) => Number(targetNames.test(b.name)) - Number(targetNames.test(a.name)));
}

async function maskTarget(
  root: string,
  output: readonly (number | string)[],
  plan: Plan,
  findings: Findings,
): Promise<PositionTarget | undefined> {
  const { data } = plan;
  const columns = data.columns.filter(
    (name) =>
      name !== data.imageColumn &&
      data.examples.length > 0 &&
      data.examples.every(({ fields }) => /\.png$/i.test(String(fields[name]))),
  );
  const place: TargetConfig | undefined =
    data.masks === undefined
      ? findings.choose(
          "target",
          `Which column of ${data.path} holds the masks?`,
          columns
            .toSorted((a, b) => Number(targetNames.test(b)) - Number(targetNames.test(a)))
            .map((mask) => ({ mask })),
          ({ mask }) => ({ value: mask, label: mask }),
        )
      : { masks: data.masks };
  if (place === undefined) {
    return undefined;
  }
  const image = Object.values(plan.features).find((feature) => "image" in feature);
  const isLast = image?.image.layout === "HWC";
  const classes = sizeAt(output, isLast ? 3 : 1);
  const found = await storedValues(root, plan, place);
  if (found === undefined) {
    return undefined;
  }
  const ignored = found.has(255) && classes !== undefined && classes > 2 && classes < 256;
  const isBlackAndWhite =
    classes === 2 && [...found].every((value) => value === 0 || value === 255);
  if (ignored) {
    findings.notes.push("Pixels of the masks with the value 255 do not count.");
  }
  return {
    target: isBlackAndWhite ? { ...place, values: [0, 255] } : place,
    loss: {
      ...crossEntropy(classes),
      ...(ignored ? { ignoreIndex: 255 } : {}),
      ...(isLast && output.length === 4 ? { classAxis: -1 } : {}),
    },
    values: [],
    classes,
  };
}

/** The numbers in some masks; undefined when they cannot be read. */
async function storedValues(
  root: string,
  { data }: Plan,
  target: TargetConfig,
): Promise<ReadonlySet<number> | undefined> {
  const dataset = await openDataset("look", data.source(target), root).catch(() => undefined);
  if (dataset === undefined) {
    return undefined;
  }
  const values = new Set<number>();
  try {
    const count = Math.min(looked, dataset.length);
    for (let step = 0; step < count; step++) {
      const index = Math.floor((step * dataset.length) / count);
      const bytes = (await dataset.readMask?.(index)) ?? new Uint8Array();
      for (const value of decodeMask(bytes, dataset.maskFile?.(index) ?? "").data) {
        values.add(value);
      }
    }
    return values;
  } catch {
    return undefined;
  } finally {
    await dataset.close();
  }
}
