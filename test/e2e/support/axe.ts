import axe from "axe-core";
import type { Frame } from "playwright-core";
import type { Editor } from "./editor.ts";

/** What axe-core finds wrong in the Influence panel, one line for each element. */
export async function violations(editor: Editor): Promise<readonly string[]> {
  const frame = await panelFrame(editor);
  // Handed to the debugger, because the page's policy lets no script in.
  await frame.evaluate(axe.source);
  const { violations: found } = await frame.evaluate(() =>
    (globalThis as unknown as { readonly axe: typeof axe }).axe.run(document, {
      resultTypes: ["violations"],
    }),
  );
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} ${target.join(" ")}: ${failureSummary ?? ""}`),
  );
}

async function panelFrame(editor: Editor): Promise<Frame> {
  const app = await editor.panel.locator("tracin-app").elementHandle();
  const frame = await app?.ownerFrame();
  if (!frame) {
    throw new Error("The Influence panel is not open.");
  }
  return frame;
}
