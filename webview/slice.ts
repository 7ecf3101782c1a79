import type { NumberRange } from "../src/protocol/lists.ts";
import type { TestSlice } from "../src/protocol/test-set.ts";
import { parseFilter } from "./filter-model.ts";

/** The same text for slices of the same examples. */
export function sliceKey(slice: TestSlice): string {
  switch (slice.kind) {
    case "all":
    case "errors":
      return slice.kind;
    case "labels":
      return JSON.stringify([slice.kind, slice.target ?? null, slice.predicted ?? null]);
    case "label":
      return JSON.stringify([
        slice.kind,
        slice.label,
        slice.target ?? null,
        slice.predicted ?? null,
      ]);
    case "confusion":
      return JSON.stringify([slice.kind, slice.target, slice.predicted]);
    case "filter":
      return JSON.stringify([slice.kind, slice.text?.trim() ?? "", slice.ranges ?? []]);
  }
}

/** A slice within a range of numbers, or (undefined) without: what it was becomes a condition. */
export function withRange(slice: TestSlice, range: NumberRange | undefined): TestSlice {
  const text = conditionOf(slice);
  if (range === undefined) {
    return text === "" ? { kind: "all" } : { kind: "filter", text };
  }
  return { kind: "filter", ...(text === "" ? {} : { text }), ranges: [range] };
}

/** A slice as a typed condition, its ranges left out. */
export function conditionOf(slice: TestSlice): string {
  const quoted = (label: string) => `'${label.replaceAll("'", "''")}'`;
  switch (slice.kind) {
    case "all":
      return "";
    case "errors":
      return "wrong = 1";
    case "labels":
      return [
        ...(slice.target === undefined ? [] : [`target = ${quoted(slice.target)}`]),
        ...(slice.predicted === undefined ? [] : [`predicted = ${quoted(slice.predicted)}`]),
      ].join(" and ");
    case "label": {
      const bars = quoted(`|${slice.label.replaceAll("|", "¦")}|`);
      const has = (column: string, isOn: boolean | undefined) =>
        isOn === undefined ? [] : [`${isOn ? "" : "not "}contains(${column}, ${bars})`];
      return [
        ...has("target_labels", slice.target),
        ...has("predicted_labels", slice.predicted),
      ].join(" and ");
    }
    case "confusion": {
      const pair = `${slice.target}→${slice.predicted}`;
      return `contains(confusions, ${quoted(`|${pair.replaceAll("|", "¦")}|`)})`;
    }
    case "filter":
      return slice.text?.trim() ?? "";
  }
}

/** Reads a saved slice; undefined where it is none. */
export function parseSlice(value: unknown): TestSlice | undefined {
  if (typeof value !== "object" || value === null || !("kind" in value)) {
    return undefined;
  }
  const text = (name: string): Readonly<Record<string, string>> => {
    const found: unknown = Object.entries(value).find(([key]) => key === name)?.[1];
    return typeof found === "string" ? { [name]: found } : {};
  };
  const flag = (name: string) => {
    const found: unknown = Object.entries(value).find(([key]) => key === name)?.[1];
    return typeof found === "boolean" ? { [name]: found } : {};
  };
  switch (value.kind) {
    case "all":
    case "errors":
      return { kind: value.kind };
    case "labels":
      return { kind: "labels", ...text("target"), ...text("predicted") };
    case "label":
      return "label" in value && typeof value.label === "string"
        ? { kind: "label", label: value.label, ...flag("target"), ...flag("predicted") }
        : undefined;
    case "confusion": {
      const [target, predicted] = [text("target")["target"], text("predicted")["predicted"]];
      return target === undefined || predicted === undefined
        ? undefined
        : { kind: "confusion", target, predicted };
    }
    case "filter":
      return { kind: "filter", ...parseFilter(value) };
    default:
      return undefined;
  }
}
