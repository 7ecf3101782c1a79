import { posix } from "node:path";
import { glob } from "tinyglobby";
import { isPart } from "../../checkpoints/shards.ts";

/** Files of a workspace by what they may be, relative with forward slashes. */
export interface WorkspaceFiles {
  readonly models: readonly string[];
  readonly checkpoints: readonly string[];
  readonly tables: readonly string[];
  readonly arrays: readonly string[];
  /** NumPy archives, which may hold data. */
  readonly archives: readonly string[];
  /** Files of MNIST's format. */
  readonly idx: readonly string[];
  readonly images: readonly string[];
  readonly tokenizers: readonly string[];
}

const natural = new Intl.Collator("en", { numeric: true });

/** Lists the files of a workspace that could matter, nearest to its root first. */
export async function scanWorkspace(root: string): Promise<WorkspaceFiles> {
  const files = await glob(
    [
      "**/*.{onnx,keras,h5,hdf5,pt,pth,ckpt,bin,safetensors,csv,tsv,jsonl,ndjson,parquet,npy,npz,png,jpg,jpeg}",
      "**/*tokenizer*.json",
      "**/model.json",
      "**/*.{safetensors,bin}.index.json",
      "**/*[-.]idx[1-4]-ubyte{,.gz}",
    ],
    {
      cwd: root,
      deep: 8,
      followSymbolicLinks: false,
      caseSensitiveMatch: false,
      ignore: ["**/node_modules/**", "**/.tracin/**", "**/venv/**", "**/site-packages/**"],
    },
  );
  const depth = (file: string) => file.split("/").length;
  files.sort((a, b) => depth(a) - depth(b) || natural.compare(a, b));
  const ending = (pattern: RegExp) => files.filter((file) => pattern.test(file));
  return {
    // Files of Keras and TensorFlow.js hold a model and its weights.
    models: ending(/(\.(onnx|keras|h5|hdf5)|(^|\/)model\.json)$/i).filter(
      (file) => !/\.weights\.h5$/i.test(file),
    ),
    // Weights in several files are known by their index.
    checkpoints: ending(
      /(\.(pt|pth|ckpt|bin|safetensors|keras|h5|hdf5|(safetensors|bin)\.index\.json)|(^|\/)model\.json)$/i,
    ).filter((file) => !isPart(file)),
    tables: ending(/\.(csv|tsv|jsonl|ndjson|parquet)$/i),
    arrays: ending(/\.npy$/i),
    archives: ending(/\.npz$/i),
    idx: ending(/[-.]idx[1-4]-ubyte(\.gz)?$/i),
    images: ending(/\.(png|jpe?g)$/i),
    tokenizers: ending(/tokenizer[^/]*\.json$/i).filter((file) => !/config/i.test(file)),
  };
}

/** Folders whose subfolders hold images: one folder per label. */
export function labelFolders(images: readonly string[]): string[] {
  const children = new Map<string, Set<string>>();
  for (const image of images) {
    const folder = posix.dirname(image);
    const parent = posix.dirname(folder);
    if (folder !== "." && parent !== ".") {
      children.set(parent, (children.get(parent) ?? new Set()).add(folder));
    }
  }
  return [...children].filter(([, folders]) => folders.size >= 2).map(([parent]) => parent);
}

/** Names of folders that hold masks. */
const maskFolder = /(mask|label|annot|segm|ground|(^|[_-])gt($|[_-]))/i;

/**
 * Folders of images with the folder of their masks: their paths differ in one step, and each image has a PNG file of
 * the same name there.
 */
export function maskedFolders(images: readonly string[]): { images: string; masks: string }[] {
  const folders = new Map<string, string[]>();
  for (const image of images) {
    const folder = posix.dirname(image);
    folders.set(folder, [...(folders.get(folder) ?? []), posix.basename(image)]);
  }
  const stem = (name: string) => name.slice(0, name.length - posix.extname(name).length);
  return [...folders].flatMap(([masks, files]) => {
    const stems = new Set(files.filter((name) => /\.png$/i.test(name)).map(stem));
    const found = [...folders].find(([other, own]) => {
      const [mine, theirs] = [masks.split("/"), other.split("/")];
      const steps = mine.flatMap((step, at) => (step === theirs[at] ? [] : [at]));
      const [at = 0] = steps;
      return (
        mine.length === theirs.length &&
        steps.length === 1 &&
        maskFolder.test(mine[at] ?? "") &&
        !maskFolder.test(theirs[at] ?? "") &&
        own.every((name) => stems.has(stem(name)))
      );
    });
    return found === undefined ? [] : [{ images: found[0], masks }];
  });
}

/** Files that differ in their numbers alone, as one pattern: `run/epoch-*.pt`, `checkpoint-7/model.safetensors`. */
export function findSeries(files: readonly string[]): { pattern: string; files: string[] }[] {
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const key = numbersToStars(file);
    const group = groups.get(key);
    if (group) {
      group.push(file);
    } else {
      groups.set(key, [file]);
    }
  }
  return [...groups].map(([key, group]) => {
    const wide = `${posix.dirname(key)}/*${posix.extname(key)}`;
    const inFolder = files.filter(
      (file) =>
        posix.dirname(file) === posix.dirname(key) && posix.extname(file) === posix.extname(key),
    );
    const [only = key] = group;
    const pattern = group.length === 1 ? only : inFolder.length === group.length ? wide : key;
    return { pattern: pattern.replace(/^\.\//, ""), files: group.toSorted(natural.compare) };
  });
}

/** Replaces the numbers of the file name, or of its folder where the name has none. */
function numbersToStars(file: string): string {
  const [folder, name] = [posix.dirname(file), posix.basename(file)];
  const extension = posix.extname(name);
  const stem = name.slice(0, name.length - extension.length);
  if (/\d/.test(stem)) {
    return posix.join(folder, stem.replace(/\d+/g, "*") + extension);
  }
  const [parent, last] = [posix.dirname(folder), posix.basename(folder)];
  return posix.join(parent, last.replace(/\d+/g, "*"), name);
}

/** The part of the data that a path names. */
export function splitOf(path: string): "train" | "test" | undefined {
  if (/(^|[/._-])train/i.test(path) || /[_-](train|training)\b/i.test(path)) {
    return "train";
  }
  return /(^|[/._-])(test|val|valid|validation|dev|eval|holdout|t10k)(?=$|[/._-])/i.test(path)
    ? "test"
    : undefined;
}
