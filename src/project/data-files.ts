import { parse } from "jsonc-parser";

/** A file that `tracin.json` names as data, relative to its folder, with forward slashes. */
export interface DataFile {
  readonly dataset: string;
  readonly file: string;
  /** `rows`: examples stand on lines; `images`: a manifest with one image per line; `folder`: one folder per label. */
  readonly kind: "rows" | "images" | "folder";
}

/**
 * The data files that a `tracin.json` names. The host needs them for menus only, so it reads leniently; what is
 * wrong with the file is found, and told, by the compute process.
 */
export function dataFiles(text: string): readonly DataFile[] {
  const config: unknown = parse(text, [], { allowTrailingComma: true });
  const data = field(config, "data");
  if (!isRecord(data)) {
    return [];
  }
  return Object.entries(data).flatMap(([dataset, source]): DataFile[] => {
    const rows = field(source, "csv") ?? field(source, "jsonl");
    const images = field(source, "images");
    if (typeof rows === "string") {
      return [{ dataset, file: normalise(rows), kind: "rows" }];
    }
    if (typeof images === "string") {
      const manifest = /\.(csv|tsv|jsonl|ndjson)$/i.test(images);
      return [{ dataset, file: normalise(images), kind: manifest ? "images" : "folder" }];
    }
    return [];
  });
}

/** The glob patterns of everything that a `tracin.json` names: what is computed from them changes when they do. */
export function inputPatterns(text: string): readonly string[] {
  const config: unknown = parse(text, [], { allowTrailingComma: true });
  const data = field(config, "data");
  const sources = isRecord(data) ? Object.values(data) : [];
  const files = [
    field(config, "model"),
    ...sources.flatMap((source) =>
      ["csv", "jsonl", "images", "parquet", "npz", "npy", "idx"].flatMap((kind) =>
        valuesOf(field(source, kind)),
      ),
    ),
    ...sources.map((source) => field(field(source, "target"), "masks")),
    ...valuesOf(field(config, "features")).map((feature) =>
      field(field(feature, "text"), "tokenizer"),
    ),
  ].filter((file) => typeof file === "string");
  const checkpoints = valuesOf(field(field(config, "checkpoints"), "files")).filter(
    (pattern) => typeof pattern === "string",
  );
  const patterns = [...files.map(literal), ...checkpoints].map(normalise);
  const hasImages = sources.some((source) => typeof field(source, "images") === "string");
  return [
    ...new Set([
      // Whether a path is a file or a folder is not known here.
      ...patterns.flatMap((pattern) => [pattern, `${pattern}/**`]),
      ...(hasImages ? ["**/*.{png,jpg,jpeg,PNG,JPG,JPEG}"] : []),
    ]),
  ];
}

/** A path as a pattern that matches it. */
function literal(path: string): string {
  return path.replace(/[*?[\]{}]/g, "?");
}

/** The values of a record or a list, or the one value that there is. */
function valuesOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : [value];
}

function normalise(path: string): string {
  return path.replaceAll("\\", "/").replace(/^\.\//, "").replace(/\/$/, "");
}

function field(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
