import type { LitElement } from "lit";
import type { RankedRow, RankedView } from "../src/protocol/lists.ts";
import { tableText } from "./copy-rows.ts";
import { reveal } from "./messages.ts";
import type { PageCache } from "./page-cache.ts";
import { RowElement } from "./row.ts";
import { noSelection, type RowSelection, selectRange, toggleRow } from "./row-selection.ts";

/** What the selection needs to know of its list. */
interface SelectableList extends LitElement {
  /** The row that keys are about. */
  readonly active: number;
  readonly cache: PageCache | undefined;
  /** How rows are drawn. */
  readonly rowView: RankedView;
}

/** The rows of a list that a person has selected with Shift, Ctrl and clicks, and what is copied of them. */
export class ListSelection {
  #selection: RowSelection = noSelection;
  /** The active row before the mouse was pressed. */
  #activeBefore = 0;

  /** @param onChange is told how many rows are selected */
  constructor(
    private readonly list: SelectableList,
    private readonly onChange: (count: number) => void,
  ) {}

  /** How many rows are selected; 0 while only the active one is meant. */
  get count(): number {
    return this.#selection.rows.size;
  }

  /** Whether a row was selected. */
  has(index: number): boolean {
    return this.#selection.rows.has(index);
  }

  /** Whether an action is about a row: it is selected, or, where none is, the active one. */
  isMeant(index: number): boolean {
    return this.count === 0 ? index === this.list.active : this.has(index);
  }

  /** The rows that an action is about. */
  async rows(): Promise<readonly RankedRow[]> {
    return (await this.list.cache?.rowsAt(this.#meant)) ?? [];
  }

  /** Selects nothing, without telling: other rows are shown. */
  reset(): void {
    this.#selection = noSelection;
  }

  clear(): void {
    if (this.count > 0) {
      this.#select(noSelection);
    }
  }

  /** Selects what lies between the active row and another one. */
  extendTo(target: number): void {
    this.#select(selectRange(this.#selection, this.list.active, target));
  }

  onMouseDown(event: MouseEvent): void {
    // The click makes its row the active one, and with Shift it would select the text between.
    this.#activeBefore = this.list.active;
    if (event.shiftKey) {
      event.preventDefault();
    }
  }

  /** A click on a row: with Shift or Ctrl it selects, else it opens the row's place. */
  onClick(event: MouseEvent): void {
    const path = event.composedPath();
    const row = path.find((node) => node instanceof RowElement);
    const onControl = path.some(
      (node) =>
        node instanceof HTMLElement &&
        (node instanceof HTMLButtonElement || node.classList.contains("details")),
    );
    if (!row || onControl || getSelection()?.isCollapsed === false) {
      return;
    }
    const { index } = row;
    if (event.shiftKey) {
      this.#select(selectRange(this.#selection, this.#activeBefore, index));
    } else if (event.ctrlKey || event.metaKey) {
      this.#select(toggleRow(this.#selection, this.#activeBefore, index));
    } else {
      this.clear();
      if (row.row) {
        reveal(row.row.place, "row");
      }
    }
  }

  /** Ctrl+C, or Copy in the context menu: the rows that are meant, unless a text is selected. */
  onCopy(event: ClipboardEvent): void {
    if (getSelection()?.isCollapsed === false) {
      return;
    }
    event.preventDefault();
    const { cache, rowView } = this.list;
    const known = [...this.#meant].sort((a, b) => a - b).map((index) => cache?.row(index));
    if (known.every((row) => row !== undefined)) {
      event.clipboardData?.setData("text/plain", tableText(known, rowView));
    } else {
      void this.rows().then((all) => navigator.clipboard.writeText(tableText(all, rowView)));
    }
  }

  get #meant(): Iterable<number> {
    return this.count === 0 ? [this.list.active] : this.#selection.rows;
  }

  #select(selection: RowSelection): void {
    this.#selection = selection;
    this.list.requestUpdate();
    this.onChange(selection.rows.size);
  }
}
