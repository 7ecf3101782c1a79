import type { FrameLocator, Locator } from "playwright-core";
import { expect } from "vitest";

const LABELS = ["setosa", "versicolor", "virginica"];

/** A list of the panel, as a person filters, sorts, scrolls and reviews it. */
export class PanelList {
  constructor(private readonly panel: FrameLocator) {}

  /** A row by its place in the list, counted from 0; it stands in the page only while it is near the window. */
  row(index: number): Locator {
    return this.panel.locator(`tracin-row[data-index="${index}"]`);
  }

  get filter(): Locator {
    return this.panel.locator("tracin-filter-bar input");
  }

  /** How many rows the list has. */
  async total(): Promise<number> {
    return Number(await this.panel.locator("[role=treegrid]").getAttribute("aria-rowcount"));
  }

  /** The line on which the example of a row stands, counted from 1. */
  async line(index: number): Promise<number> {
    const place = await this.row(index).locator(".place").textContent();
    return Number(/:(\d+)/.exec(place ?? "")?.[1]);
  }

  /**
   * Types a filter and waits until the list has as many rows as it must have, and the first of them is of a line, where that is told
   * because the list had as many rows before; returns the milliseconds from Enter.
   */
  async narrow(text: string, rows: number, firstLine?: number): Promise<number> {
    await this.filter.fill(text);
    const started = Date.now();
    await this.filter.press("Enter");
    await this.shows(rows);
    if (firstLine !== undefined) {
      await this.startsAt(firstLine);
    }
    return Date.now() - started;
  }

  /** Waits until the first row is of a line. */
  private async startsAt(line: number): Promise<void> {
    await this.row(0)
      .locator(".place", { hasText: `:${line}` })
      .waitFor();
  }

  /** Waits until the list has so many rows. */
  async shows(rows: number): Promise<void> {
    await this.panel
      .locator(`[role=treegrid][aria-rowcount="${rows}"] tracin-row .place button`)
      .first()
      .waitFor({ timeout: 60_000 });
  }

  /** Sorts by a column and waits until the first row is of a line; returns the milliseconds. */
  async sort(column: string, firstLine?: number): Promise<number> {
    const started = Date.now();
    await this.panel.locator('select[aria-label="Order of the list"]').selectOption(column);
    if (firstLine !== undefined) {
      await this.startsAt(firstLine);
    }
    return Date.now() - started;
  }

  /**
   * Decides about the first suspects by keyboard: left out, kept, another label, the suggestion, and so on.
   * @returns what the data must become: new labels by line, and lines that are left out
   */
  async review(count: number): Promise<{ labels: Map<number, string>; excluded: Set<number> }> {
    const labels = new Map<number, string>();
    const excluded = new Set<number>();
    await this.row(0).focus();
    const keyboard = this.row(0).page().keyboard;
    for (let index = 0; index < count; index++) {
      const row = this.row(index);
      await expect.poll(() => row.getAttribute("aria-selected")).toBe("true");
      const line = await this.line(index);
      const target = (await row.locator(".target").textContent())?.trim() ?? "";
      const to = LABELS[(LABELS.indexOf(target) + 1) % LABELS.length] ?? "";
      const choice = index % 3;
      if (choice === 0) {
        excluded.add(line);
      } else if (choice === 1) {
        labels.set(line, to);
      }
      await keyboard.press(["x", String(LABELS.indexOf(to) + 1), "k"][choice] ?? "");
      // The focus moves on by itself, and the row may leave the page; how far the review is stays.
      await this.panel
        .locator("tracin-review-bar .progress", { hasText: `${index + 1} of ` })
        .waitFor();
    }
    return { labels, excluded };
  }
}

/** The content of a CSV file after a review, every other byte as it was. */
export function reviewed(
  content: string,
  { labels, excluded }: { labels: ReadonlyMap<number, string>; excluded: ReadonlySet<number> },
): string {
  return content
    .split("\n")
    .map((row, at) => {
      const to = labels.get(at + 1);
      return to === undefined ? row : row.replace(/[a-z]+$/, to);
    })
    .filter((_, at) => !excluded.has(at + 1))
    .join("\n");
}
