import { css, html, type TemplateResult } from "lit";
import type { Place } from "../src/protocol/compute.ts";

/** Where an example stands, as editors write it: `train/labels.csv:32`. */
export function placeText(place: Place): string {
  return `${place.file}:${place.line + 1}`;
}

/** A path whose folder gives way before its name does. */
export function pathLabel(path: string): TemplateResult {
  const slash = path.lastIndexOf("/") + 1;
  return html`<span class="path"
    ><span class="folder">${path.slice(0, slash)}</span><span class="name">${path.slice(slash)}</span></span
  >`;
}

export const placeStyles = css`
  .path {
    display: flex;
    min-width: 0;
    max-width: 100%;
    white-space: nowrap;
  }
  .path .folder {
    flex: 0 100 auto;
    min-width: 0;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .path .name {
    flex: 0 1 auto;
    min-width: 0;
    overflow: hidden;
    text-overflow: ellipsis;
  }
`;
