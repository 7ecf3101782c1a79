import { Global, Opaque, type Value } from "./values.ts";

/** What the reader of a pickle decides: which calls have a meaning, and what persistent ids stand for. */
export interface PickleHandlers {
  /** The result of calling `global(...args)`, or undefined where it is outside the allow list. */
  call(global: Global, args: readonly Value[]): Value | undefined;
  persistent(id: Value): Value;
}

/** A pickle that cannot be read; `offset` counts from the start of the pickle. */
export class PickleError extends Error {
  constructor(
    message: string,
    readonly offset: number,
    /** True when the bytes ended too early. */
    readonly truncated = false,
  ) {
    super(message);
  }
}

/** Thrown by handlers for something that they refuse. */
export class PickleRefusal extends Error {}

/** Bytes that the values of one pickle may take, roughly; far above any checkpoint's table of contents. */
const memoryBudget = 256 * 2 ** 20;
const marker = Symbol("mark");
type Slot = Value | typeof marker;

/** The stack machine; what each opcode does with it stands in `opcodes.ts`. */
export class Machine {
  private readonly view: DataView;
  readonly stack: Slot[] = [];
  readonly memo = new Map<number, Value>();
  private budget = memoryBudget;
  /** Where the current opcode stands. */
  opcodeAt = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly handlers: PickleHandlers,
    public position: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** REDUCE, NEWOBJ and NEWOBJ_EX: `callee(*args)`; keyword arguments are dropped. */
  invoke(callee: Value = null, args: Value = null): void {
    // A few bytes must not copy or search a large value again and again.
    for (const argument of Array.isArray(args) ? args : []) {
      this.spend(weigh(argument));
    }
    this.push(this.call(callee, args), 256);
  }

  /** BUILD: attributes of anything inside the allow list have no meaning for us. */
  build(): void {
    const state = this.pop();
    const object = this.top();
    if (object instanceof Opaque) {
      object.state = state;
    }
  }

  persistent(): void {
    const id = this.pop();
    this.push(
      this.guard(() => this.handlers.persistent(id)),
      256,
    );
  }

  stackGlobal(): void {
    const [module, name] = this.popMany(2);
    if (typeof module !== "string" || typeof name !== "string") {
      throw this.error("The pickle names a global with something that is no text.");
    }
    this.push(new Global(module, name), 128);
  }

  protocol(): void {
    if (this.uint(1) > 5) {
      throw this.error("The pickle has a protocol newer than 5.");
    }
  }

  discard(): void {
    if (this.stack.pop() === undefined) {
      throw this.error("The pickle takes more values than it makes.");
    }
  }

  mark(): void {
    this.spend(8);
    this.stack.push(marker);
  }

  private call(callee: Value, args: Value): Value {
    if (!Array.isArray(args)) {
      throw this.error("The pickle calls something with arguments that are no tuple.");
    }
    if (!(callee instanceof Global)) {
      return new Opaque(callee instanceof Opaque ? callee.type : "unknown", args);
    }
    return this.guard(() => this.handlers.call(callee, args)) ?? new Opaque(callee.path, args);
  }

  /** Handlers complain with plain errors; the place is known here. */
  private guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof PickleRefusal) {
        throw this.error(error.message);
      }
      throw error;
    }
  }

  float(): number {
    return this.view.getFloat64(this.take(8));
  }

  int32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  append(items: readonly Value[]): void {
    const list = this.top();
    if (Array.isArray(list)) {
      this.spend(items.length * 8);
      for (const item of items) {
        list.push(item);
      }
    } else if (!(list instanceof Opaque)) {
      throw this.error("The pickle appends to something that is no list.");
    }
  }

  addItems(items: readonly Value[]): void {
    const set = this.top();
    if (set instanceof Set) {
      this.spend(items.length * 32);
      for (const item of items) {
        set.add(item);
      }
    } else if (!(set instanceof Opaque)) {
      throw this.error("The pickle adds items to something that is no set.");
    }
  }

  setTopItems(items: readonly Value[]): void {
    const target = this.top();
    if (target instanceof Map) {
      this.setItems(target, items);
    } else if (target instanceof Opaque) {
      this.setItems(target.items, items);
    } else {
      throw this.error("The pickle sets items of something that is no dictionary.");
    }
  }

  setItems(target: Map<Value, Value>, items: readonly Value[]): Map<Value, Value> {
    if (items.length % 2 !== 0) {
      throw this.error("The pickle sets a key without a value.");
    }
    this.spend(items.length * 24);
    for (let index = 0; index < items.length; index += 2) {
      target.set(items[index] ?? null, items[index + 1] ?? null);
    }
    return target;
  }

  push(value: Value, cost = 8): void {
    this.spend(cost);
    this.stack.push(value);
  }

  pop(): Value {
    const value = this.stack.pop();
    if (value === undefined || value === marker) {
      throw this.error("The pickle takes more values than it makes.");
    }
    return value;
  }

  top(): Value {
    const value = this.stack.at(-1);
    if (value === undefined || value === marker) {
      throw this.error("The pickle takes more values than it makes.");
    }
    return value;
  }

  popMany(count: number): Value[] {
    const values: Value[] = [];
    for (let index = 0; index < count; index++) {
      values.push(this.pop());
    }
    return values.reverse();
  }

  popToMark(): Value[] {
    const values: Value[] = [];
    for (;;) {
      const value = this.stack.pop();
      if (value === marker) {
        return values.reverse();
      }
      if (value === undefined) {
        throw this.error("The pickle closes a group that it never opened.");
      }
      values.push(value);
    }
  }

  remember(index: number): void {
    this.spend(48);
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) {
      throw this.error(`The pickle refers to the value ${index}, which it never stored.`);
    }
    this.push(value);
  }

  /** A little-endian two's complement integer. */
  integer(length: number): number | bigint {
    if (length > 1024) {
      throw this.error(`The pickle holds an integer of ${length} bytes.`);
    }
    const bytes = this.raw(length);
    if (length === 0) {
      return 0;
    }
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).reverse();
    const value = BigInt.asIntN(length * 8, BigInt(`0x${hex.join("")}`));
    const number = Number(value);
    this.spend(length);
    return Number.isSafeInteger(number) ? number : value;
  }

  text(length: number, encoding: "utf-8" | "latin1" = "utf-8"): string {
    const bytes = this.raw(length);
    this.spend(32 + 2 * length);
    return new TextDecoder(encoding).decode(bytes);
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) {
      throw this.error("The pickle ends inside a name.", true);
    }
    const text = this.text(end - this.position);
    this.position = end + 1;
    return text;
  }

  raw(length: number): Uint8Array {
    const start = this.take(length);
    return this.bytes.subarray(start, start + length);
  }

  uint(width: 1 | 2 | 4): number {
    const start = this.take(width);
    return width === 1
      ? this.view.getUint8(start)
      : width === 2
        ? this.view.getUint16(start, true)
        : this.view.getUint32(start, true);
  }

  uint64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  /** Moves over `length` bytes and returns where they start. */
  take(length: number): number {
    const start = this.position;
    if (start + length > this.bytes.length) {
      throw this.error("The pickle ends too early.", true);
    }
    this.position = start + length;
    return start;
  }

  private spend(cost: number): void {
    this.budget -= cost;
    if (this.budget < 0) {
      throw this.error("The pickle holds more values than a checkpoint should; it is not read.");
    }
  }

  error(message: string, truncated = false): PickleError {
    return new PickleError(message, this.opcodeAt, truncated);
  }
}

/** What a copy of the value costs, roughly. */
function weigh(value: Value): number {
  if (value instanceof Map || value instanceof Set) {
    return 48 * value.size;
  }
  if (Array.isArray(value)) {
    return 48 * value.length;
  }
  return typeof value === "string" || value instanceof Uint8Array ? value.length : 0;
}
