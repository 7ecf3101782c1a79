import Table from "cli-table3";

/** What is written for people goes through here: stdout for results, stderr for progress and errors. */
export interface Terminal {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}

type Style = "bold" | "dim" | "red" | "green" | "yellow";

const codes: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

/** Colours a text, if the stream is a terminal that wants colours (https://no-color.org). */
export function paint(stream: { readonly isTTY?: boolean }, style: Style, text: string): string {
  const wanted =
    stream.isTTY === true && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
  const [on, off] = codes[style];
  return wanted ? `\u001B[${on}m${text}\u001B[${off}m` : text;
}

/** A text without control characters: file contents must not steer the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return text.replace(/[\u0000-\u001F\u007F-\u009F\u2028\u2029]+/g, " ");
}

/** A cell of a table; its text is made printable before it is coloured. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** A borderless table; numbers (columns named in `right`) are aligned to the right. */
export function table(
  stream: { readonly isTTY?: boolean },
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  right: readonly number[] = [],
): string {
  const border = { top: "", "top-mid": "", "top-left": "", "top-right": "" };
  const content = new Table({
    head: head.map((text) => paint(stream, "dim", text)),
    colAligns: head.map((_, column) => (right.includes(column) ? "right" : "left")),
    chars: {
      ...border,
      bottom: "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
      left: " ",
      "left-mid": "",
      mid: "",
      "mid-mid": "",
      right: "",
      "right-mid": "",
      middle: " ",
    },
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    content.push(
      row.map((cell) =>
        typeof cell === "string"
          ? printable(cell)
          : paint(stream, cell.style, printable(cell.text)),
      ),
    );
  }
  return content.toString().replace(/ +$/gm, "");
}

/** A score with sign and three significant digits. */
export function signed(value: number): string {
  return `${value > 0 ? "+" : ""}${significant(value)}`;
}

/** Three significant digits. */
export function significant(value: number): string {
  return value === 0 ? "0" : value.toPrecision(3);
}
