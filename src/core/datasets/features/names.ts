/** True when no name appears twice. */
export function distinct(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

/** True for the usual writing of an integer from 0: no sign, no leading zeros. */
export function isIndex(name: string): boolean {
  return /^(0|[1-9]\d{0,14})$/.test(name);
}

/** Distinct names in order: by number when all are numbers ("10" after "9"), else by code point. */
export function sortNames(names: Iterable<string>): string[] {
  const list = [...new Set(names)];
  const numeric = list.every((name) => name.trim() !== "" && Number.isFinite(Number(name)));
  return list.sort((a, b) =>
    numeric && Number(a) !== Number(b)
      ? Number(a) - Number(b)
      : Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
}
