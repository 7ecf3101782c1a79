import { css, html, LitElement, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Preview } from "../src/protocol/examples.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

type ImagePreview = Extract<Preview, { kind: "image" }>;

/** Images up to this many pixels a side are shown with hard pixel edges. */
const smallImage = 96;

/** An image from bytes. Its blob URL lives as long as the element stands in the page. */
@customElement("tracin-thumbnail")
export class Thumbnail extends LitElement {
  @property({ attribute: false }) preview: ImagePreview | undefined;
  @property() alt = "";
  @state() private url: string | undefined;
  @state() private pixelated = false;
  @state() private broken = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.show();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.release();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("preview") && this.hasUpdated) {
      this.show();
    }
  }

  private show(): void {
    this.release();
    this.broken = false;
    if (this.preview) {
      // A copy, because a view of a larger or shared buffer would take all of it along.
      const bytes = new Uint8Array(this.preview.bytes);
      this.url = URL.createObjectURL(new Blob([bytes], { type: this.preview.mime }));
    }
  }

  private release(): void {
    if (this.url !== undefined) {
      URL.revokeObjectURL(this.url);
      this.url = undefined;
    }
  }

  private loaded(event: Event): void {
    const image = event.target;
    if (image instanceof HTMLImageElement) {
      this.pixelated = Math.max(image.naturalWidth, image.naturalHeight) <= smallImage;
    }
  }

  protected override render() {
    if (this.broken) {
      return html`<span class="broken" title=${strings.row.noImage} aria-label=${strings.row.noImage}>?</span>`;
    }
    if (this.url === undefined) {
      return null;
    }
    return html`<img
      part="img"
      class=${this.pixelated ? "pixelated" : ""}
      src=${this.url}
      alt=${this.alt}
      @load=${this.loaded}
      @error=${() => {
        this.broken = true;
      }}
    />`;
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        overflow: hidden;
      }
      img,
      .broken {
        display: block;
        width: 100%;
        height: 100%;
        object-fit: contain;
      }
      img.pixelated {
        image-rendering: pixelated;
      }
      .broken {
        display: grid;
        place-items: center;
        border: 1px dashed var(--vscode-descriptionForeground);
        color: var(--vscode-descriptionForeground);
      }
    `,
  ];
}
