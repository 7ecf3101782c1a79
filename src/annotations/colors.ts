import { ThemeColor } from "vscode";
import type { Mark } from "../protocol/lists.ts";

/** How a thing is drawn: as its most important mark, as one that was decided about, or as one whose marks no longer hold. */
export type Look = Mark["kind"] | "decided" | "changed";

/** The theme colour of a look. */
export function lookColor(look: Look): ThemeColor {
  switch (look) {
    case "decided":
      return new ThemeColor("descriptionForeground");
    case "changed":
      return new ThemeColor("disabledForeground");
    default:
      return markColor(look);
  }
}

/** The theme colour of a kind of mark; declared in the manifest, so that a person can change it. */
function markColor(kind: Mark["kind"]): ThemeColor {
  return new ThemeColor(`tracin.${kind}Foreground`);
}
