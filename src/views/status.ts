import { commands, l10n, MarkdownString, StatusBarAlignment, window } from "vscode";
import { Owner } from "../project/disposable.ts";
import type { Session } from "../project/session.ts";
import { hasShare, type Progress } from "../protocol/compute.ts";
import type { PanelState } from "../protocol/panel.ts";
import { escapeMarkdown } from "./markdown.ts";

/** What is being computed, in the status bar; a click opens the panel, and the tooltip can cancel. */
export class Status extends Owner {
  private readonly item = this.own(
    window.createStatusBarItem("tracin.computing", StatusBarAlignment.Left),
  );
  private isComputing = false;

  constructor(session: Session) {
    super();
    this.item.name = l10n.t("TracIn: Computation");
    this.item.command = "tracin.openInfluence";
    this.own(session.onDidChangePanel((state) => this.show(state)));
  }

  private show(state: PanelState): void {
    const isComputing = state.kind === "computing";
    if (isComputing) {
      const { title, progress } = state;
      const percent = percentage(progress);
      const label = percent === undefined ? title : `${title} ${percent}%`;
      this.item.text = `$(loading~spin) ${label}`;
      this.item.accessibilityInformation = { label: `TracIn: ${label}`, role: "button" };
      this.item.tooltip = tooltip(title, progress);
      this.item.show();
    } else {
      this.item.hide();
    }
    if (isComputing !== this.isComputing) {
      this.isComputing = isComputing;
      void commands.executeCommand("setContext", "tracin.isComputing", isComputing);
    }
  }
}

function percentage({ phase, done, total }: Progress): number | undefined {
  return hasShare(phase) && total > 0 ? Math.floor((100 * done) / total) : undefined;
}

function tooltip(title: string, { message }: Progress): MarkdownString {
  const text = new MarkdownString(`**${escapeMarkdown(title)}**\n\n${escapeMarkdown(message)}\n\n`);
  text.isTrusted = { enabledCommands: ["tracin.openInfluence", "tracin.cancel"] };
  const links = [
    [l10n.t("Open Influence Panel"), "tracin.openInfluence"],
    [l10n.t("Cancel"), "tracin.cancel"],
  ];
  text.appendMarkdown(
    links.map(([label, command]) => `[${label}](command:${command})`).join(" · "),
  );
  return text;
}
