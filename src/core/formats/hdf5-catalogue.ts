import type { DataType, Shape } from "../graph/tensor.ts";
import { bytesPerElement } from "../graph/tensor.ts";
import { Hdf5Failure, type Hdf5Metadata, type Hdf5Session, hdf5Type } from "./hdf5-library.ts";
import { countElements, isCount } from "./source.ts";

/** An attribute's value. Those of other types are left out. */
export type Hdf5Attribute = string | number | readonly string[] | readonly number[];

export type Hdf5Attributes = ReadonlyMap<string, Hdf5Attribute>;

export interface Hdf5Dataset {
  /** Path without a slash in front: `layers/dense/vars/0`. */
  readonly path: string;
  /** Undefined where the elements are no numbers. */
  readonly dtype: DataType | undefined;
  readonly shape: Shape;
  /** Rows (indices of the first axis) that are stored together; 1 unless the dataset is chunked. */
  readonly rowsPerChunk: number;
}

/** What a file holds, by path; the root is "". */
export interface Hdf5Catalogue {
  readonly groups: ReadonlyMap<string, Hdf5Attributes>;
  readonly datasets: ReadonlyMap<string, Hdf5Dataset>;
}

/** Deflate cannot do better than this; a larger ratio is a lie. */
const maximumRatio = 1032;
/** Filters that do not change the size: shuffle and fletcher32. */
const sizeKeeping = new Set([2, 3]);
const maximumObjects = 1_000_000;

/**
 * Lists a file with everything checked against its `size` in bytes. Throws {@link Hdf5Failure} for links other than
 * those of a tree, datasets that lie elsewhere or claim more than the file can hold.
 */
export function readCatalogue(session: Hdf5Session, size: number): Hdf5Catalogue {
  const { module } = session.library;
  const { id } = session;
  // Visits every object once, however the groups are linked, and lists links of other kinds without following them.
  const paths = module.get_names(id, "/", true);
  if (paths.length > maximumObjects) {
    throw new Hdf5Failure(`it holds ${paths.length} objects; at most ${maximumObjects} are read`);
  }
  const groups = new Map([["", readAttributes(session, "", size)]]);
  const datasets = new Map<string, Hdf5Dataset>();
  const parents = new Set(paths.map((path) => path.slice(0, Math.max(0, path.lastIndexOf("/")))));
  for (const path of paths) {
    const absolute = `/${path}`;
    refuseLink(session, path);
    const type = module.get_type(id, absolute);
    if (type === module.H5G_DATASET) {
      datasets.set(path, describeDataset(session, path, size));
    } else if (type === module.H5G_GROUP) {
      if (!parents.has(path) && module.get_names(id, absolute, false).length > 0) {
        throw new Hdf5Failure(`the group "${path}" is linked from several places`);
      }
      groups.set(path, readAttributes(session, path, size));
    }
  }
  return { groups, datasets };
}

function refuseLink({ library: { module }, id }: Hdf5Session, path: string): void {
  const external = module.get_external_link(id, `/${path}`).filename;
  const target = external ?? module.get_symbolic_link(id, `/${path}`);
  if (target !== null) {
    throw new Hdf5Failure(
      `"${path}" is a link to ${external === undefined ? "" : "the file "}"${target}", and links are not followed`,
    );
  }
}

function describeDataset(session: Hdf5Session, path: string, size: number): Hdf5Dataset {
  const { module } = session.library;
  const metadata = module.get_dataset_metadata(session.id, `/${path}`);
  const shape = metadata.shape ?? [0];
  const count = countElements(shape);
  const filters = module.get_dataset_filters(session.id, `/${path}`);
  if (metadata.virtual_sources !== undefined) {
    throw new Hdf5Failure(`the dataset "${path}" is made of parts of other files`);
  }
  const packed = filters.filter((filter) => !sizeKeeping.has(filter.id));
  const most = size * maximumRatio ** packed.length;
  if (count === undefined || !isCount(metadata.size) || count * metadata.size > most) {
    throw new Hdf5Failure(
      `the dataset "${path}" claims the shape [${shape.join(", ")}], which is more than the file can hold`,
    );
  }
  return {
    path,
    dtype: dataType(metadata),
    shape,
    rowsPerChunk: Math.max(1, metadata.chunks?.[0] ?? 1),
  };
}

/** Element types that are read; h5py stores booleans as an enumeration and bfloat16, which HDF5 has not, as opaque pairs of bytes. */
function dataType({
  type,
  size,
  signed,
  enum_type: enumeration,
}: Hdf5Metadata): DataType | undefined {
  switch (type) {
    case hdf5Type.float:
      return known(`float${size * 8}`);
    case hdf5Type.integer:
      return known(`${signed ? "int" : "uint"}${size * 8}`);
    case hdf5Type.opaque:
      return size === 2 ? "bfloat16" : undefined;
    case hdf5Type.enumeration:
      return size === 1 && enumeration?.members["FALSE"] === 0 && enumeration.members["TRUE"] === 1
        ? "bool"
        : undefined;
    default:
      return undefined;
  }
}

function known(name: string): DataType | undefined {
  return Object.keys(bytesPerElement).find((dtype): dtype is DataType => dtype === name);
}

function readAttributes(session: Hdf5Session, path: string, size: number): Hdf5Attributes {
  const attributes = new Map<string, Hdf5Attribute>();
  for (const name of session.library.module.get_attribute_names(session.id, `/${path}`)) {
    const value = readAttribute(session, `/${path}`, name, size);
    if (value !== undefined) {
      attributes.set(name, value);
    }
  }
  return attributes;
}

function readAttribute(
  { library: { module }, id }: Hdf5Session,
  path: string,
  name: string,
  fileSize: number,
): Hdf5Attribute | undefined {
  const metadata = module.get_attribute_metadata(id, path, name);
  const { type, size, shape, vlen } = metadata;
  const count = shape && countElements(shape);
  if (count === undefined || !isCount(size) || (count ?? 0) * size > fileSize) {
    throw new Hdf5Failure(
      `the attribute "${name}" of "${path}" claims more than the file can hold`,
    );
  }
  const isNumber = type === hdf5Type.integer || type === hdf5Type.float;
  if (count === null || !(isNumber || type === hdf5Type.text)) {
    return undefined;
  }
  const address = module._malloc(Math.max(1, count * size));
  if (address === 0) {
    throw new Hdf5Failure(`there is no memory for the attribute "${name}" of "${path}"`);
  }
  try {
    module.get_attribute_data(id, path, name, BigInt(address));
    const bytes = module.HEAPU8.slice(address, address + count * size);
    const values = isNumber
      ? numbers(metadata, bytes)
      : texts(bytes, count, size, vlen ? (at) => module.UTF8ToString(at) : undefined);
    return shape?.length === 0 ? values?.[0] : values;
  } finally {
    if (vlen) {
      module.reclaim_vlen_memory(id, path, name, BigInt(address));
    }
    module._free(address);
  }
}

function texts(
  bytes: Uint8Array<ArrayBuffer>,
  count: number,
  size: number,
  pointedTo: ((address: number) => string) | undefined,
): string[] {
  if (pointedTo) {
    return Array.from(new Uint32Array(bytes.buffer), pointedTo);
  }
  const decoder = new TextDecoder();
  return Array.from({ length: count }, (_, index) => {
    const text = bytes.subarray(index * size, (index + 1) * size);
    const end = text.indexOf(0);
    return decoder.decode(end < 0 ? text : text.subarray(0, end));
  });
}

function numbers(
  { type, size, signed }: Hdf5Metadata,
  bytes: Uint8Array<ArrayBuffer>,
): number[] | undefined {
  const key = `${type === hdf5Type.float ? "f" : signed ? "i" : "u"}${size}`;
  const view = new DataView(bytes.buffer);
  const read = readers[key];
  return (
    read && Array.from({ length: bytes.length / size }, (_, index) => read(view, index * size))
  );
}

const readers: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  f4: (view, at) => view.getFloat32(at, true),
  f8: (view, at) => view.getFloat64(at, true),
  i1: (view, at) => view.getInt8(at),
  i2: (view, at) => view.getInt16(at, true),
  i4: (view, at) => view.getInt32(at, true),
  i8: (view, at) => Number(view.getBigInt64(at, true)),
  u1: (view, at) => view.getUint8(at),
  u2: (view, at) => view.getUint16(at, true),
  u4: (view, at) => view.getUint32(at, true),
  u8: (view, at) => Number(view.getBigUint64(at, true)),
};
