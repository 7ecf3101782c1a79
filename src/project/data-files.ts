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

function normalise(path: string): string {
  return path.replaceAll("\\", "/").replace(/^\.\//, "").replace(/\/$/, "");
}

function field(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
