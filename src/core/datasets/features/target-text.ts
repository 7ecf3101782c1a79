import { formatNumber, joinLabels, labelName } from "../../label-text.ts";
import { fieldText, toList, toName } from "../field.ts";
import type { Batch } from "./batch.ts";
import { classTable } from "./target-masks.ts";
import type { PositionsState } from "./target-positions.ts";
import { onlyTarget, valuesOf } from "./target-values.ts";
import { type EncodedFeatures, encodeTargets, type TargetState } from "./targets.ts";

/** Entries of a list that are written out, and the length of the text. */
const mostEntries = 24;
const mostText = 160;
/** Classes of an array that are named. */
const mostClasses = 3;
/** Numbers that are written out. */
const mostNumbers = 16;

const noFeatures: EncodedFeatures = { values: new Map(), inputs: new Map() };

/** The targets of a batch as a person reads them, one short text for each example. Features are not read. */
export async function targetTexts(state: TargetState, batch: Batch): Promise<readonly string[]> {
  const every = (text: (position: number) => string) =>
    Array.from({ length: batch.size }, (_, position) => text(position));
  switch (state.kind) {
    case "positions":
      return positionTexts(state, batch);
    case "input":
      return every(() => `the input ${state.of}`);
    case "text":
      return rawTexts(batch);
    case "numbers":
      if (state.of !== undefined) {
        return listTexts(batch, (value) => value);
      }
  }
  const { targets } = await encodeTargets(state, batch, noFeatures);
  const width = targets.data.length / Math.max(1, batch.size);
  return every((position) => {
    const values = Array.from(
      targets.data.subarray(position * width, (position + 1) * width),
      Number,
    );
    if (state.kind === "numbers") {
      return width <= mostNumbers ? values.map(formatNumber).join(", ") : `${width} numbers`;
    }
    if (state.kind === "class" || state.kind === "oneHot") {
      const [label = 0] = values;
      return label < 0 ? "(does not count)" : labelName(state.labels, label);
    }
    return joinLabels(
      values.flatMap((on, index) => (on > 0 ? [labelName(state.labels, index)] : [])),
    );
  });
}

async function positionTexts(state: PositionsState, batch: Batch): Promise<readonly string[]> {
  const { from, ignore, labels } = state;
  const every = (text: (position: number) => string) =>
    Array.from({ length: batch.size }, (_, position) => text(position));
  switch (from.kind) {
    case "tokens":
      return every(() => `${state.shift ? "the next tokens" : "the tokens"} of ${from.of}`);
    case "mask":
      return every((position) => batch.maskFile(position));
    case "list":
      return listTexts(batch, (name) =>
        name === String(ignore) && !labels?.includes(name)
          ? "–"
          : labels?.includes(name)
            ? name
            : labelName(labels, Number(name)),
      );
    case "array":
      return shares(state, batch);
  }
}

async function listTexts(
  batch: Batch,
  nameOf: (name: string) => string,
): Promise<readonly string[]> {
  const read = await valuesOf(batch, onlyTarget(batch.dataset));
  return Array.from({ length: batch.size }, (_, position) => {
    const list = toList(read(position)) ?? [];
    const names = list.slice(0, mostEntries).map((value) => nameOf(toName(value) ?? "?"));
    const text = names.join(" ");
    const isCut = list.length > names.length || text.length > mostText;
    return isCut ? `${text.slice(0, mostText)} … (${list.length})` : text;
  });
}

/** The most frequent classes of each example with their shares of what counts. */
async function shares(state: PositionsState, batch: Batch): Promise<readonly string[]> {
  const { data } = await batch.array(onlyTarget(batch.dataset));
  const { binary, classes, ignore } = state;
  const table = classTable({ binary, classes, ignore, values: undefined });
  const size = data.length / Math.max(1, batch.size);
  return Array.from({ length: batch.size }, (_, position) => {
    const counts = new Map<number, number>();
    let total = 0;
    for (let place = position * size; place < (position + 1) * size; place++) {
      const found = table.of(data[place] as number);
      if (found >= 0) {
        counts.set(found, (counts.get(found) ?? 0) + 1);
        total++;
      }
    }
    const sorted = [...counts].sort(([, a], [, b]) => b - a);
    const named = sorted.slice(0, mostClasses).map(([label, count]) => {
      const percent = Math.round((100 * count) / total);
      return `${labelName(state.labels, label)} ${percent === 0 ? "<1" : percent}%`;
    });
    const more = sorted.length - named.length;
    return total === 0
      ? "(nothing counts)"
      : `${named.join(", ")}${more > 0 ? `, ${more} more` : ""}`;
  });
}

/** The target columns as they are. */
async function rawTexts(batch: Batch): Promise<readonly string[]> {
  const columns = await Promise.all(batch.dataset.target.map((name) => valuesOf(batch, name)));
  return Array.from({ length: batch.size }, (_, position) =>
    columns.map((read) => fieldText(read(position), mostText)).join(", "),
  );
}
