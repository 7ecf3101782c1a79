/** Labels between bars, so that one of them can be looked for. */
export function listOfLabels(labels: readonly string[]): string {
  return labels.length === 0 ? "" : `|${labels.map(barless).join("|")}|`;
}

/** A label that is taken for another one, as it stands between bars. */
export function confusionName(target: string, predicted: string): string {
  return `${target}→${predicted}`;
}

/** A label as it stands between bars. */
export function barless(label: string): string {
  return label.replaceAll("|", "¦");
}
