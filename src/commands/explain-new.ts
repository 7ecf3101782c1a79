import { l10n, type QuickPickItem, window } from "vscode";
import type { Services } from "../project/services.ts";
import type { ExampleForm, GivenExample } from "../protocol/examples.ts";
import { pickImage } from "../views/pick-image.ts";
import { explain } from "./explain-prediction.ts";
import { pickProject } from "./pick-project.ts";

/** A way to give an example. */
interface Way extends QuickPickItem {
  give(): Promise<GivenExample | undefined>;
}

/** **TracIn: Explain New Example.** A text, an image file or a row that stands in no dataset. */
export async function explainNew(services: Services): Promise<void> {
  const folder = await pickProject(services);
  if (!folder) {
    return;
  }
  const { root } = folder;
  const { form } = await services.compute.request("open", { root });
  const ways = waysOf(form);
  const [only] = ways;
  const way =
    ways.length === 1
      ? only
      : await window.showQuickPick(ways, { title: l10n.t("Explain New Example") });
  const given = await way?.give();
  if (given) {
    await services.compute.request("checkExample", { root, given });
    await explain(services, root, [{ given }], "target");
  }
}

function waysOf(form: ExampleForm): readonly Way[] {
  const isText = form.texts.length === 1 && form.columns.length === 1 && !form.image;
  const key = isText ? "text" : "row";
  const ways: Way[] = [];
  const selected = selectedText();
  if (form.columns.length > 0 && selected !== "") {
    ways.push({
      label: l10n.t("Selected Text"),
      detail: selected.slice(0, 200),
      give: () => withImage(form, { [key]: selected }),
    });
  }
  if (form.columns.length === 0) {
    ways.push({ label: l10n.t("Image File"), give: () => withImage(form, {}) });
  } else {
    ways.push({
      label: isText ? l10n.t("Text") : l10n.t("Row"),
      give: async () => {
        const typed = await window.showInputBox({
          title: l10n.t("Explain New Example"),
          prompt: isText
            ? l10n.t("The text to explain")
            : l10n.t(
                "A JSON object with {0}; the prediction is explained unless it has {1}",
                form.columns.join(", "),
                form.target.join(", "),
              ),
          ignoreFocusOut: true,
        });
        return typed === undefined ? undefined : withImage(form, { [key]: typed });
      },
    });
  }
  return ways;
}

/** Adds an image where the example needs one. */
async function withImage(
  form: ExampleForm,
  given: GivenExample,
): Promise<GivenExample | undefined> {
  if (!form.image) {
    return given;
  }
  const files = await pickImage(form);
  return files && { ...given, ...files };
}

function selectedText(): string {
  const editor = window.activeTextEditor;
  return editor ? editor.document.getText(editor.selection) : "";
}
