import { tensorFromBytes } from "../checkpoints/convert.ts";
import { type ErrorKind, TracInError } from "../errors.ts";
import { bytesPerElement, sizeOf, type Tensor } from "../graph/tensor.ts";
import { type Hdf5Attributes, type Hdf5Dataset, readCatalogue } from "./hdf5-catalogue.ts";
import { type Hdf5Bytes, Hdf5Failure, Hdf5Library, type Hdf5Session } from "./hdf5-library.ts";
import { FileSource } from "./source.ts";

export type { Hdf5Attribute, Hdf5Attributes, Hdf5Dataset } from "./hdf5-catalogue.ts";

/** What is read at once, if rows are not larger: the library has 2 GB of memory for everything. */
const slabBytes = 2 ** 24;
const maximumSlab = 2 ** 30;

/**
 * An open HDF5 file. Its groups, attributes and datasets are known and checked against the size of the file; datasets
 * are read on demand. Soft and external links, external storage, virtual datasets and groups that are linked from
 * several places are refused.
 */
export class Hdf5File {
  private constructor(
    readonly file: string,
    private readonly kind: ErrorKind,
    private readonly bytes: Hdf5Bytes,
    private readonly release: () => Promise<void>,
    private session: Hdf5Session,
    /** Attributes of each group by its path without a slash in front; the root is "". */
    readonly groups: ReadonlyMap<string, Hdf5Attributes>,
    /** By path: `model_weights/dense/dense/kernel:0`. */
    readonly datasets: ReadonlyMap<string, Hdf5Dataset>,
  ) {}

  /**
   * Opens bytes as an HDF5 file.
   * @param file path as the person would write it
   * @param kind of the errors
   * @param release called when the file is closed
   */
  static async open(
    bytes: Hdf5Bytes,
    file: string,
    kind: ErrorKind,
    release: () => Promise<void> = async () => undefined,
  ): Promise<Hdf5File> {
    let session: Hdf5Session | undefined;
    try {
      const opened = (await Hdf5Library.get()).open(bytes);
      session = opened;
      const { groups, datasets } = opened.library.run(() => readCatalogue(opened, bytes.size));
      return new Hdf5File(file, kind, bytes, release, opened, groups, datasets);
    } catch (error) {
      session?.close();
      throw asDamage(error, kind, file);
    }
  }

  /** A dataset, floating types converted to float32, others as stored. */
  async read(path: string): Promise<Tensor> {
    const dataset = this.datasets.get(path);
    if (dataset?.dtype === undefined) {
      throw new TracInError(
        this.kind,
        dataset ? "The dataset does not hold numbers." : "The file has no such dataset.",
        { file: this.file, tensor: path },
      );
    }
    try {
      // The failure of another file may have ended the library's instance.
      if (this.session.library.failed) {
        this.session.close();
        this.session = (await Hdf5Library.get()).open(this.bytes);
      }
      const { session } = this;
      const data = new Uint8Array(sizeOf(dataset.shape) * bytesPerElement[dataset.dtype]);
      session.library.run(() => readDataset(session, dataset, data));
      return tensorFromBytes(dataset.dtype, dataset.shape, data);
    } catch (error) {
      throw asDamage(error, this.kind, this.file, path);
    }
  }

  async close(): Promise<void> {
    this.session.close();
    await this.release();
  }
}

/**
 * Opens an HDF5 file by ranges; nothing but what is asked for is read.
 * Throws `kind` with the file when it is none, damaged, or holds what {@link Hdf5File} refuses.
 */
export async function openHdf5(path: string, file: string, kind: ErrorKind): Promise<Hdf5File> {
  const source = await FileSource.open(path, file, kind);
  const bytes: Hdf5Bytes = {
    size: source.size,
    readInto: (target, position) => source.readInto(target, position),
  };
  try {
    return await Hdf5File.open(bytes, file, kind, () => source.close());
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Fills `data` with a dataset's elements, row-major and little-endian. */
function readDataset(session: Hdf5Session, dataset: Hdf5Dataset, data: Uint8Array): void {
  const { module } = session.library;
  const { path, shape, rowsPerChunk } = dataset;
  const [rows = 1, ...inner] = shape;
  const rowBytes = data.length / Math.max(1, rows);
  if (data.length === 0) {
    return;
  }
  const chunks = Math.max(1, Math.floor(slabBytes / (rowBytes * rowsPerChunk)));
  const step = Math.min(rows, chunks * rowsPerChunk);
  const address = step * rowBytes > maximumSlab ? 0 : module._malloc(step * rowBytes);
  if (address === 0) {
    throw new Hdf5Failure(`there is no memory for ${step * rowBytes} bytes of the dataset`);
  }
  try {
    for (let row = 0; row < rows; row += step) {
      const count = [Math.min(step, rows - row), ...inner];
      const [selection, offset, strides] =
        shape.length === 0
          ? [null, null, null]
          : [
              count.map(BigInt),
              count.map((_, axis) => BigInt(axis === 0 ? row : 0)),
              count.map(() => 1n),
            ];
      module.get_dataset_data(session.id, `/${path}`, selection, offset, strides, BigInt(address));
      const bytes = (count[0] ?? 1) * rowBytes;
      data.set(module.HEAPU8.subarray(address, address + bytes), row * rowBytes);
    }
  } finally {
    module._free(address);
  }
}

function asDamage(error: unknown, kind: ErrorKind, file: string, tensor?: string): unknown {
  return error instanceof Hdf5Failure
    ? new TracInError(
        kind,
        `The HDF5 file cannot be read: ${error.message}.`,
        { file, ...(tensor === undefined ? {} : { tensor }) },
        "The file may be damaged or incomplete: save or copy it again.",
        { cause: error },
      )
    : error;
}
