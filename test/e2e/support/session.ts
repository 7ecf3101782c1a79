import { cp, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { CodeServer, type ServerOptions } from "./code-server.ts";
import { Editor, launch } from "./editor.ts";
import { packagedExtension, ROOT } from "./paths.ts";

/** The server, browser and window of a test file; each test opens a window of its own. */
export interface Session {
  readonly server: CodeServer;
  readonly editor: Editor;
  /** Opens a window on a copy of a sample; `settings` hold for that folder alone. Returns the copy. */
  openSample(sample: string, settings?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Opens a window on a new folder with copies of files and of the content of folders; `prepare` adds more. */
  openFolder(
    sources: readonly string[],
    prepare?: (folder: string) => Promise<void>,
  ): Promise<string>;
  /** Explains the prediction of a test example, from the palette. */
  explain(index: number, seen: string): Promise<void>;
}

/** Starts one VS Code for the tests of a file, and leaves a screenshot where one fails. */
export function useVSCode(
  name: string,
  options: Pick<ServerOptions, "restricted" | "env"> = {},
): Session {
  let server: CodeServer | undefined;
  let browser: Browser | undefined;
  let editor: Editor | undefined;

  beforeAll(async () => {
    server = await CodeServer.start({
      extensions: [await packagedExtension()],
      name,
      ...options,
    });
    browser = await launch();
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") {
      await editor?.screenshot(`failed ${task.name.replaceAll(/\W+/g, "-")}`);
    }
    await editor?.close();
    editor = undefined;
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  return {
    get server() {
      return present(server);
    },
    get editor() {
      return present(editor);
    },
    async openFolder([first = "", ...others], prepare) {
      const folder = await present(server).copy(first);
      for (const file of others) {
        await cp(file, path.join(folder, path.basename(file)));
      }
      await prepare?.(folder);
      editor = await Editor.open(present(browser), present(server).url(folder));
      return folder;
    },
    async openSample(sample, settings = {}) {
      const folder = await present(server).copy(path.join(ROOT, "samples", sample));
      await mkdir(path.join(folder, ".vscode"));
      await writeFile(path.join(folder, ".vscode", "settings.json"), JSON.stringify(settings));
      editor = await Editor.open(present(browser), present(server).url(folder));
      return folder;
    },
    async explain(index, seen) {
      const window = present(editor);
      await window.command("TracIn: Explain Prediction");
      await window.quickRow(/^\s*test\s*\d+ examples/).click(); // no row that the palette still lists
      await window.quickInput.locator("input.input").fill(String(index));
      await window.quickRow(seen).waitFor();
      await window.page.keyboard.press("Enter");
    },
  };
}

function present<T>(thing: T | undefined): T {
  if (thing === undefined) {
    throw new Error("Open a window first.");
  }
  return thing;
}
