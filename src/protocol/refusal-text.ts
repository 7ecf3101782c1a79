import type { RefusalReason } from "./reviews.ts";

/** Puts texts into a person's language: VS Code's own, or none. */
interface Translator {
  t(message: string, ...values: (string | number | boolean)[]): string;
}

/** Why a decision is not applied, as a sentence. */
export function refusalText(reason: RefusalReason, l10n: Translator): string {
  switch (reason.kind) {
    case "labelChanged":
      return l10n.t("Its label is no longer {0}.", reason.from);
    case "gone":
      return l10n.t("It is no longer in the dataset.");
    case "labelUnclear":
      return l10n.t("The row does not hold the label {0} in one column of its own.", reason.from);
    case "folderUnclear":
      return l10n.t("Its folder is not its label.");
    case "noText":
      return l10n.t("Its rows are no text (arrays, Parquet); the editor cannot change them.");
    case "tooLarge":
      return l10n.t("The file is larger than 50 MB; the editor does not hand it to extensions.");
    case "lineEnds":
      return l10n.t(
        "The file mixes kinds of line ends, which the editor would make the same everywhere.",
      );
    case "unsaved":
      return l10n.t("The file has unsaved changes; save them first.");
    case "notSaved":
      return l10n.t("The file was changed in the editor but could not be saved.");
    case "differs":
      return l10n.t("The row reads differently in the editor.");
    case "savesMore":
      return l10n.t(
        "The setting {0} would change other lines when the file is saved.",
        reason.setting,
      );
    case "fileExists":
      return l10n.t("There is a file {0} already.", reason.file);
  }
}

/** English, for terminals. */
export const english: Translator = {
  t: (message, ...values) =>
    message.replaceAll(/\{(\d+)\}/g, (_, place) => String(values[Number(place)] ?? "")),
};
