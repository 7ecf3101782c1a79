import { join, posix } from "node:path";
import { openDataset } from "../../datasets/open.ts";
import { NpzArchive } from "../../datasets/readers/npz.ts";
import type { SourceConfig } from "../config.ts";
import type { DataCandidate } from "./datasets.ts";
import { splitOf, type WorkspaceFiles } from "./files.ts";

/** An array of inputs with the array of their targets. */
export interface ArrayPair {
  /** What tells the pair from others, such as the file of the inputs. */
  readonly path: string;
  readonly source: SourceConfig;
}

/** Pairs of arrays: NPY files, arrays of NPZ files, IDX files. Archives that cannot be read are left out. */
export async function arrayPairs(root: string, files: WorkspaceFiles): Promise<ArrayPair[]> {
  const pairs = [
    ...pairNames(files.arrays, ".npy").map(
      ([x, y]): ArrayPair => ({ path: x, source: { npy: { x, y }, target: "y" } }),
    ),
    ...idxPairs(files.idx),
  ];
  for (const npz of files.archives) {
    for (const [x, y] of pairNames(await namesIn(root, npz), "")) {
      const source = { npz, fields: { x, y }, target: "y" };
      pairs.push({ path: `${npz}: ${x}`, source });
    }
  }
  return pairs;
}

/** Opens a pair and looks at its shapes. Throws kind `data` when it cannot be read. */
export async function lookAtArrays(
  root: string,
  { path, source }: ArrayPair,
): Promise<DataCandidate> {
  const dataset = await openDataset("look", source, root);
  try {
    const x = await dataset.array?.("x", 0, 1);
    const y = await dataset.array?.("y", 0, 1);
    const samples = await dataset.samples?.(0).catch(() => undefined);
    return {
      path,
      kind: "arrays",
      split: splitOf(path),
      columns: dataset.columns,
      examples: [],
      length: dataset.length,
      shapes: { x: x?.shape.slice(1) ?? [], y: y?.shape.slice(1) ?? [] },
      samples: samples !== undefined,
      source: () => source,
    };
  } finally {
    await dataset.close();
  }
}

const roles = /(^|[_.-])(x|features?|images?|data|inputs?)(?=$|[_.-])/i;

/** `x_train` with `y_train`, `images` with `labels`, and so on; names with their folder and ending. */
function pairNames(names: readonly string[], ending: string): [string, string][] {
  return names.flatMap((inputs): [string, string][] => {
    const [folder, name] = [posix.dirname(inputs), posix.basename(inputs, ending)];
    if (!roles.test(name)) {
      return [];
    }
    const wanted = ["y", "labels", "label", "targets", "target"].map((word) =>
      posix.join(folder, `${name.replace(roles, `$1${word}`)}${ending}`).toLowerCase(),
    );
    const targets = wanted
      .map((file) => names.find((other) => other.toLowerCase() === file))
      .find((file) => file !== undefined);
    return targets === undefined ? [] : [[inputs, targets]];
  });
}

/** `train-images-idx3-ubyte` with `train-labels-idx1-ubyte`. */
function idxPairs(files: readonly string[]): ArrayPair[] {
  const stem = (file: string) => file.replace(/[-.]idx\d-ubyte(\.gz)?$/i, "");
  return files.flatMap((x) => {
    const labels = stem(x).replace(/images(?!.*images)/i, "labels");
    const y = labels === stem(x) ? undefined : files.find((other) => stem(other) === labels);
    // The unpacked file goes before the packed one beside it.
    const isRepeated = /\.gz$/i.test(x) && files.includes(x.slice(0, -".gz".length));
    return y === undefined || isRepeated
      ? []
      : [{ path: x, source: { idx: { x, y }, target: "y" } }];
  });
}

async function namesIn(root: string, file: string): Promise<readonly string[]> {
  try {
    const archive = await NpzArchive.open({ absolute: join(root, file), relative: file });
    try {
      return archive.names;
    } finally {
      await archive.close();
    }
  } catch {
    return [];
  }
}
