/** A part of a text, in UTF-16 units, end excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A text that takes the place of a part of another one. */
export interface Replacement extends Span {
  readonly text: string;
}

/**
 * Where the fields of one CSV record stand, quotes included. A quote inside an unquoted field is text, as the reader has it
 * (RFC 4180 otherwise).
 */
export function csvFields(record: string, delimiter: string): readonly Span[] {
  const fields: Span[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at <= record.length; at++) {
    const character = record[at];
    if (character === '"' && (isQuoted || at === start)) {
      isQuoted = !isQuoted;
      // A doubled quote closes and opens again; one that opens a field is at its start.
      if (!isQuoted && record[at + 1] === '"') {
        isQuoted = true;
        at++;
      }
    } else if (at === record.length || (character === delimiter && !isQuoted)) {
      fields.push({ start, end: at });
      start = at + 1;
    }
  }
  return fields;
}

/** The value of a field as it is written. */
export function csvValue(written: string): string {
  return written.startsWith('"') && written.endsWith('"') && written.length > 1
    ? written.slice(1, -1).replaceAll('""', '"')
    : written;
}

/** A value as a field: quoted where the field was quoted before, or where it has to be. */
export function csvText(value: string, before: string, delimiter: string): string {
  const isNeeded = value.includes(delimiter) || /["\r\n]/.test(value);
  return isNeeded || before.startsWith('"') ? `"${value.replaceAll('"', '""')}"` : value;
}
