import { l10n, window } from "vscode";
import type { ExampleForm, GivenExample } from "../protocol/examples.ts";

/** Asks for an image file, and for its mask where targets are masks; undefined when the person has changed their mind. */
export async function pickImage(
  form: Pick<ExampleForm, "mask">,
): Promise<Pick<GivenExample, "image" | "mask"> | undefined> {
  const image = await pickFile(l10n.t("Image to Explain"), ["png", "jpg", "jpeg"]);
  if (image === undefined || !form.mask) {
    return image === undefined ? undefined : { image };
  }
  const choose = l10n.t("Choose Its Mask...");
  const answer = await window.showQuickPick(
    [
      {
        label: l10n.t("Explain the Prediction"),
        detail: l10n.t("Why the model says at each pixel what it says; needs no mask"),
      },
      { label: choose, detail: l10n.t("The loss against a PNG whose levels are the classes") },
    ],
    { title: l10n.t("Explain New Example") },
  );
  if (answer?.label !== choose) {
    return answer && { image };
  }
  const mask = await pickFile(l10n.t("Mask of the Image"), ["png"]);
  return mask === undefined ? undefined : { image, mask };
}

async function pickFile(title: string, extensions: string[]): Promise<string | undefined> {
  const [file] =
    (await window.showOpenDialog({
      title,
      openLabel: l10n.t("Explain"),
      filters: { [l10n.t("Images")]: extensions },
    })) ?? [];
  return file?.fsPath;
}
