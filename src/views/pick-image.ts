import { l10n, window } from "vscode";

/** Asks for an image file; undefined when none was chosen. */
export async function pickImage(): Promise<string | undefined> {
  const [file] =
    (await window.showOpenDialog({
      title: l10n.t("Image to Explain"),
      openLabel: l10n.t("Explain"),
      filters: { [l10n.t("Images")]: ["png", "jpg", "jpeg"] },
    })) ?? [];
  return file?.fsPath;
}
