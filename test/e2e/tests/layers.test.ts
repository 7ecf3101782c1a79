import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../support/paths.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("layers");

it("layers chosen by name show what they take before they are written", async () => {
  const folder = await vscode.openFolder([path.join(ROOT, "samples/iris")]);
  const { editor } = vscode;
  await editor.command("TracIn: Choose Layers");
  const pick = editor.page.locator(".quick-input-widget");
  await pick.getByText("Layers by name...").click();
  const title = pick.locator(".quick-input-title");
  // 16 x 4 + 16 and 8 x 16 + 8 and 3 x 8 + 3 numbers.
  await expect.poll(() => title.textContent()).toMatch(/243 parameters, about .* a question/);
  await pick.getByText("layers.0", { exact: true }).click();
  await expect.poll(() => title.textContent()).toMatch(/163 parameters, about .* a question/);
  await editor.screenshot("layers-by-name");
  await editor.page.keyboard.press("Enter");
  await expect
    .poll(async () => JSON.parse(await readFile(path.join(folder, "tracin.json"), "utf8")))
    .toMatchObject({ layers: ["layers.2", "layers.4"] });
});
