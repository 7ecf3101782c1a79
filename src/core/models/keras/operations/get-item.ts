import type { CallArgument, LayerContext } from "../layer.ts";
import type { Operation } from "./operation.ts";

/** What an index takes: each part is a place, a range, a new axis, or all that the others leave. */
export const getItem: Operation = (context, args) => {
  const { builder } = context;
  const x = args.tensor(0, "x", "tensor");
  const key = args.get(1, "key", "slice_spec");
  const keys: readonly CallArgument[] = Array.isArray(key) ? key : [key ?? null];
  const isRest = (item: CallArgument): boolean => item === "..." || isClass(item, "__ellipsis__");
  const taken = keys.filter((item) => item !== null && !isRest(item)).length;
  const ranges: { axis: number; start: number; end: number; step: number }[] = [];
  const places: number[] = [];
  const shape: (number | null)[] = [];
  const fresh: number[] = [];
  let axis = 0;
  for (const item of keys.some(isRest) ? keys : [...keys, "..."]) {
    if (isRest(item)) {
      const count = x.shape.length - taken;
      shape.push(...x.shape.slice(axis, axis + count));
      axis += count;
    } else if (item === null) {
      fresh.push(shape.length);
      shape.push(1);
    } else if (typeof item === "number") {
      places.push(axis);
      ranges.push({ axis, start: item, end: item === -1 ? largest : item + 1, step: 1 });
      axis++;
    } else {
      const { start, stop, step } = rangeOf(context, item);
      const size = x.shape[axis] ?? null;
      const from = start ?? (step < 0 ? largest : 0);
      const to = stop ?? (step < 0 ? -largest : largest);
      if (start === null && stop === null && step === 1) {
        shape.push(size);
      } else {
        ranges.push({ axis, start: from, end: to, step });
        shape.push(size === null ? null : countOf(from, to, step, size));
      }
      axis++;
    }
  }
  if (ranges.some((range) => range.axis === 0)) {
    throw context.error(
      "The operation takes some examples of a batch, so that they would depend on each other.",
      "Index the other axes alone: x[:, ...].",
    );
  }
  let value = context.plain(x);
  if (ranges.length > 0) {
    const lists = [
      ranges.map(({ start }) => start),
      ranges.map(({ end }) => end),
      ranges.map((range) => range.axis),
      ranges.map(({ step }) => step),
    ];
    value = builder.op("Slice", [value, ...lists.map((list) => builder.ints(list))]);
  }
  if (places.length > 0) {
    value = builder.op("Squeeze", [value, builder.ints(places)]);
  }
  if (fresh.length > 0) {
    value = builder.op("Unsqueeze", [value, builder.ints(fresh)]);
  }
  return context.tensor(value, shape, { dtype: x.dtype });
};

const largest = 2 ** 31 - 1;

function isClass(item: CallArgument, name: string): boolean {
  return (
    typeof item === "object" && item !== null && "class_name" in item && item["class_name"] === name
  );
}

interface Range {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number;
}

/** `{ start, stop, step }`, which Keras 3 wraps with its class. */
function rangeOf(context: LayerContext, item: CallArgument): Range {
  const inner =
    typeof item === "object" && item !== null && "config" in item ? item["config"] : item;
  if (typeof inner === "object" && inner !== null && "start" in inner && "stop" in inner) {
    const { start, stop, step } = inner as Readonly<Record<string, CallArgument>>;
    const isPlace = (value: unknown): value is number | null =>
      value === null || Number.isSafeInteger(value);
    const count = step ?? 1;
    if (isPlace(start) && isPlace(stop) && isPlace(count) && count !== null && count !== 0) {
      return { start, stop, step: count };
    }
  }
  throw context.error("The index of the operation is not read.", "Index with numbers and ranges.");
}

/** Elements of a range of an axis, as Python counts them. */
function countOf(start: number, end: number, step: number, size: number): number {
  const place = (at: number) => {
    const positive = at < 0 ? at + size : at;
    return step < 0
      ? Math.min(Math.max(positive, -1), size - 1)
      : Math.min(Math.max(positive, 0), size);
  };
  return Math.max(0, Math.ceil((place(end) - place(start)) / step));
}
