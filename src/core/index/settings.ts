import { TracInError } from "../errors.ts";
import type { NumberType } from "./number-type.ts";
import type { IndexKind } from "./programs.ts";

/** What an index keeps, and how. */
export type IndexSettings = SketchSettings | { readonly type: "factors" };

export interface SketchSettings {
  readonly type: "sketch";
  /** Numbers per example and checkpoint. */
  readonly size: number;
  readonly numbers: NumberType;
  /** Of the random projections. */
  readonly seed: number;
}

export const defaultSettings: SketchSettings = {
  type: "sketch",
  size: 2048,
  numbers: "float32",
  seed: 1,
};

const sizes = { least: 16, most: 1 << 20 } as const;

/** Throws kind `config` for settings that make no index. */
export function checkSettings(settings: IndexSettings): void {
  if (settings.type === "factors") {
    return;
  }
  const { size } = settings;
  if (!Number.isSafeInteger(size) || size < sizes.least || size > sizes.most) {
    throw new TracInError(
      "config",
      `A sketch of ${size} numbers is not possible.`,
      {},
      `Choose ${sizes.least} to ${sizes.most} numbers; 2048 is usual.`,
    );
  }
}

/** What the model's graph must know of the settings. */
export function kindOf(settings: IndexSettings): IndexKind {
  return settings.type === "sketch" ? { type: "sketch", size: settings.size } : { type: "factors" };
}
