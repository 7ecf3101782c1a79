import { css, html, LitElement, type PropertyValues } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Preview } from "../src/protocol/examples.ts";
import type { WhereParts } from "../src/protocol/pair.ts";
import { largestPart } from "./heat.ts";
import { baseStyles } from "./styles.ts";
import "./thumbnail.ts";

/** Parts of a score over an image: green pushed towards the label, red away from it. */
@customElement("tracin-heat-map")
export class HeatMap extends LitElement {
  @property({ attribute: false }) preview: Extract<Preview, { kind: "image" }> | undefined;
  @property({ attribute: false }) grid: Extract<WhereParts, { kind: "grid" }> | undefined;
  /** What a screen reader says instead. */
  @property() alt = "";

  protected override render() {
    const { preview, grid } = this;
    return preview && grid
      ? html`<div class="stack" role="img" .style=${`aspect-ratio: ${grid.width} / ${grid.height}`} aria-label=${this.alt} title=${this.alt}>
          <tracin-thumbnail class="image" .preview=${preview} alt="" aria-hidden="true"></tracin-thumbnail>
          <canvas width=${grid.width} height=${grid.height} aria-hidden="true"></canvas>
        </div>`
      : null;
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("grid")) {
      this.paint();
    }
  }

  private paint(): void {
    const canvas = this.renderRoot.querySelector("canvas");
    const context = canvas?.getContext("2d");
    const { grid } = this;
    if (!canvas || !context || !grid) {
      return;
    }
    const colours = {
      towards: rgb(this, "--vscode-charts-green"),
      away: rgb(this, "--vscode-charts-red"),
    };
    const largest = largestPart(grid.parts);
    const image = context.createImageData(grid.width, grid.height);
    grid.parts.forEach((part, at) => {
      const colour = part > 0 ? colours.towards : colours.away;
      const share = largest === 0 ? 0 : Math.abs(part) / largest;
      // A power below 1 shows weaker parts too; the largest one covers the image nearly.
      image.data.set([...colour, Math.round(230 * share ** 0.7)], 4 * at);
    });
    context.putImageData(image, 0, 0);
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .stack {
        position: relative;
        width: min(160px, 100%);
      }
      /* As the model sees it: resized to the shape of its input. */
      .image::part(img) {
        object-fit: fill;
      }
      .image,
      canvas {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
      }
      .image {
        filter: grayscale(1);
      }
      canvas {
        image-rendering: pixelated;
      }
    `,
  ];
}

/** A colour of the theme as numbers; the browser reads whatever form it has. */
function rgb(element: Element, variable: string): readonly [number, number, number] {
  const context = document.createElement("canvas").getContext("2d");
  const colour = getComputedStyle(element).getPropertyValue(variable).trim();
  if (!context || colour === "") {
    return [128, 128, 128];
  }
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}
