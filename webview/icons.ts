import { html, svg, type TemplateResult } from "lit";

const icon = (content: TemplateResult, className = ""): TemplateResult =>
  html`<svg class="icon ${className}" viewBox="0 0 16 16" aria-hidden="true">${content}</svg>`;

export const warningIcon = icon(
  svg`<path d="M8 2.2 14.3 13.5H1.7Z M8 6.4v3.3 M8 11.5v.2" />`,
  "warning",
);

export const errorIcon = icon(svg`<circle cx="8" cy="8" r="6" /><path d="M8 4.8v4 M8 10.9v.2" />`);

export const chevron = (open: boolean): TemplateResult =>
  icon(open ? svg`<path d="m3.5 6 4.5 4.5L12.5 6" />` : svg`<path d="M6 3.5 10.5 8 6 12.5" />`);

export const chevronLeft = icon(svg`<path d="M10 3.5 5.5 8l4.5 4.5" />`);
