/** What the library tells of a dataset or an attribute. */
export interface Hdf5Metadata {
  /** Class of the element type, one of {@link hdf5Type} or one that is not read. */
  readonly type: number;
  /** Bytes of an element; of a pointer for text of variable length. */
  readonly size: number;
  readonly signed: boolean;
  /** True for text of variable length. */
  readonly vlen: boolean;
  /** Null for an empty dataspace. */
  readonly shape: readonly number[] | null;
  readonly total_size: number;
  readonly chunks: readonly number[] | null;
  readonly virtual_sources?: readonly unknown[];
  readonly enum_type?: { readonly members: Readonly<Record<string, number>> };
}

/** Classes of element types, as HDF5 numbers them. */
export const hdf5Type = { integer: 0, float: 1, text: 3, opaque: 5, enumeration: 8 } as const;

/** The part of h5wasm's module that is used. Addresses are those of its own memory; `file` is an identifier. */
interface Hdf5Module {
  readonly FS: FileSystem;
  readonly HEAPU8: Uint8Array<ArrayBuffer>;
  readonly H5G_GROUP: number;
  readonly H5G_DATASET: number;
  _malloc(bytes: number): number;
  _free(address: number): void;
  UTF8ToString(address: number): string;
  open(path: string, mode: number, trackOrder: boolean, low: number, high: number): bigint;
  close_file(file: bigint): number;
  get_type(file: bigint, path: string): number;
  get_names(file: bigint, path: string, recursive: boolean): readonly string[];
  get_symbolic_link(file: bigint, path: string): string | null;
  get_external_link(file: bigint, path: string): { readonly filename?: string };
  get_attribute_names(file: bigint, path: string): readonly string[];
  get_attribute_metadata(file: bigint, path: string, name: string): Hdf5Metadata;
  get_attribute_data(file: bigint, path: string, name: string, address: bigint): number;
  reclaim_vlen_memory(file: bigint, path: string, name: string, address: bigint): number;
  get_dataset_metadata(file: bigint, path: string): Hdf5Metadata;
  get_dataset_filters(file: bigint, path: string): readonly { readonly id: number }[];
  /** `count`, `offset` and `strides` per axis, or null for all of it. */
  get_dataset_data(
    file: bigint,
    path: string,
    count: readonly bigint[] | null,
    offset: readonly bigint[] | null,
    strides: readonly bigint[] | null,
    address: bigint,
  ): number;
}

interface FileSystem {
  open(path: string, flags: unknown, mode: unknown): unknown;
  createFile(folder: string, name: string, options: object, read: boolean, write: boolean): Node;
  unlink(path: string): void;
  readonly ErrnoError: new (errno: number) => Error;
}

interface Node {
  stream_ops: object;
}

/** Bytes that the library reads as a file; it reads synchronously. */
export interface Hdf5Bytes {
  readonly size: number;
  /** Fills `target` from `position` on and returns how many bytes it got: all of them but for the end. */
  readInto(target: Uint8Array, position: number): number;
}

/** A file that is open in the library. */
export interface Hdf5Session {
  readonly library: Hdf5Library;
  readonly id: bigint;
  close(): void;
}

/** Why the library failed, in its own words. */
export class Hdf5Failure extends Error {}

const noSuchFile = 44;
let current: Promise<Hdf5Library> | undefined;

/**
 * The HDF5 library, compiled to WebAssembly. It sees its own memory and the files that are lent to it, nothing else.
 * Whatever a damaged file does to it stays in there: an instance that failed is left, and the next file gets a new one.
 */
export class Hdf5Library {
  private readonly lent = new Set<string>();
  private count = 0;
  /** A file that was asked for and not lent: the file that is read refers to it. */
  private refused: string | undefined;
  #failed = false;

  private constructor(
    readonly module: Hdf5Module,
    /** What the library printed about errors of the running call. */
    private readonly complaints: string[],
  ) {
    const { FS } = module;
    const open = FS.open.bind(FS);
    // Its file system lies in memory and holds but a few devices; a file that refers to others does not get those either.
    FS.open = (path, flags, mode) => {
      if (!this.lent.has(path)) {
        // Filters that it does not have are looked for among its plugins, of which there are none.
        if (!path.endsWith("/plugin")) {
          this.refused ??= path;
        }
        throw new FS.ErrnoError(noSuchFile);
      }
      return open(path, flags, mode);
    };
  }

  /** A library that works; loaded with the first file. */
  static async get(): Promise<Hdf5Library> {
    if (current === undefined || (await current).failed) {
      current = Hdf5Library.create();
    }
    return current;
  }

  private static async create(): Promise<Hdf5Library> {
    const { default: createModule } = await import(
      "../../../node_modules/h5wasm/dist/esm/hdf5_util.js"
    );
    const complaints: string[] = [];
    const module = await createModule({
      noInitialRun: true,
      print: () => undefined,
      printErr: (line: string) => complaints.push(line),
    });
    // The module has no types of its own; the interface above states what is used of it.
    return new Hdf5Library(module as Hdf5Module, complaints);
  }

  /** True once a call failed: what the instance holds can no longer be trusted. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Opens bytes as a file for reading. Throws {@link Hdf5Failure}. */
  open(bytes: Hdf5Bytes): Hdf5Session {
    const { FS } = this.module;
    const name = `${this.count++}.h5`;
    const path = `/${name}`;
    const node = FS.createFile("/", name, {}, true, false);
    Object.defineProperty(node, "usedBytes", { get: () => bytes.size });
    node.stream_ops = {
      ...node.stream_ops,
      read: (_: unknown, heap: Int8Array, offset: number, length: number, position: number) => {
        const wanted = Math.max(0, Math.min(length, bytes.size - position));
        const target = new Uint8Array(heap.buffer, offset, wanted);
        const count = bytes.readInto(target, position);
        refuseEndlessHeap(target.subarray(0, count));
        return count;
      },
    };
    this.lent.add(path);
    const close = (id?: bigint) => {
      if (id !== undefined && !this.#failed) {
        this.module.close_file(id);
      }
      this.lent.delete(path);
      FS.unlink(path);
    };
    try {
      const id = this.run(() => this.module.open(path, 0, false, -1, -1));
      return { library: this, id, close: () => close(id) };
    } catch (error) {
      close();
      throw error;
    }
  }

  /** Runs calls of the module. Throws {@link Hdf5Failure} when one complains, refers to another file or breaks down. */
  run<T>(calls: () => T): T {
    this.complaints.length = 0;
    this.refused = undefined;
    let result: T | undefined;
    let thrown: unknown;
    try {
      result = calls();
    } catch (error) {
      thrown = error;
    }
    if (this.refused !== undefined) {
      this.#failed = true;
      throw new Hdf5Failure(`it refers to another file, "${this.refused}", which is not opened`);
    }
    if (thrown !== undefined || this.complaints.length > 0) {
      this.#failed = true;
      throw thrown instanceof Hdf5Failure
        ? thrown
        : new Hdf5Failure(
            this.cause() ?? (thrown instanceof Error ? thrown.message : "no reason given"),
          );
    }
    return result as T;
  }

  /** The innermost of the errors that were printed, but for the search for plugins: `  #005: .../H5Oint.c line 610 in H5O_open(): unable to open object`. */
  private cause(): string | undefined {
    const lines = this.complaints.filter((line) => /^\s*#\d+:(?!.*\/H5PL)/.test(line));
    return lines.at(-1)?.replace(/^.*?\(\):\s*/, "");
  }
}

/** Signature, version, reserved bytes, size. */
const heapHeader = 16;
/** Index, reference count, reserved bytes, size. */
const objectHeader = 16;

/**
 * The library walks through a heap of texts by the sizes that its objects claim, and for ever where unused space claims
 * none. Reads begin with the signature of what they are after.
 */
function refuseEndlessHeap(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < heapHeader || view.getUint32(0) !== 0x47_43_4f_4c) {
    return;
  }
  for (let at = heapHeader; at + objectHeader <= bytes.length; ) {
    const size = Number(view.getBigUint64(at + 8, true));
    const isFree = view.getUint16(at, true) === 0;
    if (isFree && size === 0) {
      throw new Hdf5Failure("a heap of texts has unused space of no size");
    }
    at += isFree ? size : objectHeader + Math.ceil(size / 8) * 8;
  }
}
