import type { DataType } from "../../graph/tensor.ts";

/** A name that a pickle refers to, such as `collections.OrderedDict`. Nothing is looked up or imported. */
export class Global {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/**
 * An object of a class outside the allow list, kept as inert data: its class name and whatever the pickle
 * stored in it. Nothing of it is ever executed.
 */
export class Opaque {
  /** Attributes or other state, as pickled. */
  state: Value = null;
  /** Items of a subclass of dict. */
  readonly items = new Map<Value, Value>();

  constructor(
    readonly type: string,
    readonly args: Value,
  ) {}
}

/** A storage: a flat piece of memory that tensors are views of. */
export class Storage {
  constructor(
    readonly key: string,
    /** Element type; `uint8` for untyped storages. */
    readonly dtype: DataType,
    /** Number of elements. */
    readonly length: number,
    /** Element offset of a legacy storage view in its root. */
    readonly offset = 0,
  ) {}
}

/** A tensor: a strided view of a storage. Offsets and strides count elements of `dtype`. */
export class TensorView {
  constructor(
    readonly storage: Storage,
    readonly dtype: DataType,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** What a pickle can hold here. Lists and tuples are arrays, dictionaries are maps. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | Map<Value, Value>
  | Set<Value>
  | Global
  | Opaque
  | Storage
  | TensorView;
