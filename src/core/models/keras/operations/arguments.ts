import { bool, float32, int64, type Shape, tensorOf } from "../../../graph/tensor.ts";
import type { CallArgument, KerasTensor, LayerContext } from "../layer.ts";
import { isTensor, tensorsIn } from "../references.ts";

/**
 * Arguments of one call of an operation, wherever the file keeps them: by position, by name, or among the settings of the
 * node (Keras 3). None may be left unread.
 */
export class Arguments {
  private readonly read = new Set<string | number>();

  constructor(private readonly context: LayerContext) {}

  /** The argument at a position or under one of its names; undefined where it is absent or null. */
  get(position: number, ...names: readonly string[]): CallArgument | undefined {
    const { args, kwargs } = this.context.call;
    for (const name of names) {
      this.read.add(name);
      const value = Object.hasOwn(kwargs, name) ? kwargs[name] : this.context.layer.raw(name);
      if (value !== undefined && value !== null) {
        // Settings are JSON, which a call may hold as well.
        return value as CallArgument;
      }
    }
    this.read.add(position);
    return args[position] ?? undefined;
  }

  /** A tensor, or numbers as a constant one. */
  tensor(position: number, ...names: readonly string[]): KerasTensor {
    const value = this.get(position, ...names);
    return this.asTensor(value, names[0] ?? String(position));
  }

  tensors(position: number, ...names: readonly string[]): readonly KerasTensor[] {
    const value = this.get(position, ...names);
    if (!Array.isArray(value)) {
      throw this.context.error("The operation is called without a list of tensors.");
    }
    return value.map((item: CallArgument) => this.asTensor(item, names[0] ?? String(position)));
  }

  private asTensor(value: CallArgument | undefined, name: string): KerasTensor {
    if (isTensor(value)) {
      return value;
    }
    const shape: number[] = [];
    for (let inner = value; Array.isArray(inner); inner = inner[0]) {
      shape.push(inner.length);
    }
    const flat: unknown[] = Array.isArray(value) ? value.flat(8) : [value];
    const { context } = this;
    if (flat.every((item): item is number => typeof item === "number")) {
      const dtype = this.wholeNumbers();
      const tensor =
        dtype === "int64"
          ? int64(shape, flat)
          : dtype === "int32"
            ? tensorOf(dtype, shape, Int32Array.from(flat))
            : float32(shape, flat);
      return context.tensor(context.builder.constant(tensor), shape, { dtype: tensor.dtype });
    }
    if (flat.every((item): item is boolean => typeof item === "boolean")) {
      const constant = context.builder.constant(bool(shape, flat));
      return context.tensor(constant, shape, { dtype: "bool" });
    }
    throw context.error(`The argument "${name}" of the operation is no tensor.`);
  }

  /** The type of the tensors of the call, where that is one of whole numbers: constants beside them have it too. */
  private wholeNumbers(): "int32" | "int64" | undefined {
    const { args, kwargs } = this.context.call;
    const types = tensorsIn([...args, ...Object.values(kwargs)]).map(({ dtype }) => dtype);
    return (["int32", "int64"] as const).find((dtype) => types.includes(dtype));
  }

  number(position: number, name: string, fallback?: number): number {
    const value = this.get(position, name) ?? fallback;
    return typeof value === "number" ? value : this.refuse(name, "a number");
  }

  bool(position: number, name: string, fallback: boolean): boolean {
    const value = this.get(position, name) ?? fallback;
    return typeof value === "boolean" ? value : this.refuse(name, "true or false");
  }

  /** Whole numbers, or one; undefined where the argument is absent. */
  ints(position: number, ...names: readonly string[]): readonly number[] | undefined {
    const value = this.get(position, ...names);
    const list = typeof value === "number" ? [value] : value;
    if (list === undefined) {
      return undefined;
    }
    return Array.isArray(list) && list.every((item) => Number.isSafeInteger(item))
      ? (list as readonly number[])
      : this.refuse(names[0] ?? "", "whole numbers");
  }

  /** @throws kind `model` for an argument that nothing has read; null and false are off */
  checkAllRead(): void {
    const { args, kwargs } = this.context.call;
    const entries: [string | number, CallArgument][] = [
      ...args.map((value, index): [number, CallArgument] => [index, value]),
      ...Object.entries(kwargs),
    ];
    for (const [name, value] of entries) {
      if (value !== null && value !== false && name !== "name" && !this.read.has(name)) {
        throw this.context.error(
          `The argument ${typeof name === "number" ? `number ${name + 1}` : `"${name}"`} of the operation is not read.`,
          "Leave it at its default, or export the model to ONNX.",
        );
      }
    }
  }

  private refuse(name: string, wanted: string): never {
    throw this.context.error(`The argument "${name}" of the operation must be ${wanted}.`);
  }
}

/** A vector of whole numbers as a constant. */
export function indices(context: LayerContext, shape: Shape, values: readonly number[]): string {
  return context.builder.constant(int64(shape, values));
}
