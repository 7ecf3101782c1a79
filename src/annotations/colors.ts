import { ThemeColor } from "vscode";
import type { Mark } from "../protocol/compute.ts";

/** The theme colour of a kind of mark; declared in the manifest, so that a person can change it. */
export function markColor(kind: Mark["kind"]): ThemeColor {
  return new ThemeColor(`tracin.${kind}Foreground`);
}
