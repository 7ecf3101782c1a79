import { isJsonObject } from "../../../../formats/json.ts";
import type { CallArgument, KerasTensor, LayerContext } from "../../layer.ts";
import { isTensor } from "../../references.ts";

/** An argument of the call by its name, or by its place among the positional ones. */
function argumentOf(
  { call }: LayerContext,
  name: string,
  position?: number,
): CallArgument | undefined {
  return call.kwargs[name] ?? (position === undefined ? undefined : call.args[position]);
}

/** A tensor among the arguments. */
export function tensorArgument(
  context: LayerContext,
  name: string,
  position?: number,
): KerasTensor | undefined {
  const value = argumentOf(context, name, position);
  return isTensor(value) ? value : undefined;
}

/** An argument that switches something on. */
export function flagArgument(context: LayerContext, name: string, position?: number): boolean {
  return argumentOf(context, name, position) === true;
}

/** Whole numbers of a setting: one, a list, or a tuple as Keras 3 wraps it; undefined where it is absent. */
export function integersOf(context: LayerContext, key: string): readonly number[] | undefined {
  const value = context.layer.raw(key);
  const list = isJsonObject(value) ? value["items"] : typeof value === "number" ? [value] : value;
  if (list === undefined) {
    return undefined;
  }
  if (!Array.isArray(list) || !list.every((item) => Number.isSafeInteger(item))) {
    throw context.error(`The setting "${key}" is no list of whole numbers.`);
  }
  return list;
}
