/** Text as Markdown that shows it as it is. (`MarkdownString.appendText` makes every space unbreakable.) */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!~<>|&$]/g, "\\$&").replace(/\s+/g, " ");
}
