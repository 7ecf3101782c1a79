import { css, html, type TemplateResult } from "lit";
import type { Place } from "../src/protocol/examples.ts";

/**
 * Where an example stands, as editors write it: `train/labels.csv:32`. An image in a folder is its own place; files without
 * lines have rows, counted from 0: `train.parquet[31]`.
 */
export function placeText(place: Place): string {
  if (place.image === place.file) {
    return place.file;
  }
  const hasRows = place.lineCount === 0 && place.image === undefined;
  return hasRows ? `${place.file}[${place.line}]` : `${place.file}:${place.line + 1}`;
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A path that gives way at its start, because its end tells more. */
export function pathLabel(path: string): TemplateResult {
  return html`<span class="path"><bdi>${path}</bdi></span>`;
}

export const placeStyles = css`
  .path {
    display: block;
    min-width: 0;
    max-width: 100%;
    overflow: hidden;
    /* From right to left the ellipsis stands at the start; bdi keeps the path itself as it is. */
    direction: rtl;
    text-align: left;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
`;
