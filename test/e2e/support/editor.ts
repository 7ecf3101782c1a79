import path from "node:path";
import {
  type Browser,
  chromium as browserType,
  type FrameLocator,
  type Locator,
  type Page,
} from "playwright-core";
import { expect } from "vitest";
import { chromium, OUTPUT } from "./paths.ts";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Text that a decoration writes, its colour, and how far down it stands. */
interface Decoration {
  readonly text: string;
  readonly color: string;
  readonly top: number;
}

/** A browser without a window. */
export function launch(): Promise<Browser> {
  return browserType.launch({ executablePath: chromium(), headless: true, args: FLAGS });
}

/** A window of VS Code, as a person uses it. */
export class Editor {
  private constructor(readonly page: Page) {}

  static async open(
    browser: Browser,
    url: string,
    size = { width: 1280, height: 820 },
  ): Promise<Editor> {
    const page = await browser.newPage({ viewport: size });
    page.setDefaultTimeout(20_000);
    const editor = new Editor(page);
    await page.goto(url);
    await editor.ready();
    return editor;
  }

  /**
   * Loads the page again, as a person does by the browser's button. On the way to the button the page loses the focus,
   * which is when VS Code writes which editors are open (else once a minute); Playwright's page never loses it, and one
   * whose webview has the focus has it first.
   */
  async reload(): Promise<void> {
    await this.page.evaluate(() => {
      window.dispatchEvent(new Event("focus"));
      document.hasFocus = () => false;
      window.dispatchEvent(new Event("blur"));
    });
    await this.page.waitForTimeout(1000);
    await this.page.reload();
    await this.ready();
  }

  private async ready(): Promise<void> {
    const wait = { timeout: 60_000 };
    await this.page.locator(".monaco-workbench .part.statusbar").waitFor(wait);
    // Commands and views are there once the extensions are read.
    await this.page.locator('.activitybar [aria-label^="TracIn"]').first().waitFor(wait);
  }

  async close(): Promise<void> {
    await this.page.close();
  }

  /** The row of quick picks and input boxes. */
  get quickInput(): Locator {
    return this.page.locator(".quick-input-widget:visible");
  }

  /** Rows of the open quick pick. */
  quickRow(text: string | RegExp): Locator {
    return this.quickInput.locator(".quick-input-list .monaco-list-row", { hasText: text }).first();
  }

  /** Runs a command by its title in the palette; the palette lists what there was when it opened, so it may take two. */
  async command(title: string): Promise<void> {
    const deadline = Date.now() + 20_000;
    do {
      await this.page.keyboard.press("F1");
      const input = this.quickInput.locator("input.input");
      await input.waitFor();
      await input.fill(`>${title}`);
      const row = this.quickRow(title);
      if (await appears(row, 2000)) {
        await row.click();
        return;
      }
      await this.page.keyboard.press("Escape");
    } while (Date.now() < deadline);
    throw new Error(`The palette has no command "${title}".`);
  }

  /** Opens a file by its path in the workspace. */
  async openFile(file: string): Promise<void> {
    await this.page.keyboard.press("Control+P");
    const input = this.quickInput.locator("input.input");
    await input.waitFor();
    await input.fill(file);
    await this.quickRow(path.basename(file)).waitFor();
    await this.page.keyboard.press("Enter");
    await this.tab(path.basename(file)).waitFor();
  }

  tab(name: string): Locator {
    return this.page.locator(".tabs-container .tab", { hasText: name }).first();
  }

  /** A line of the text editor, counted from 1, as it is seen. */
  line(number: number): Locator {
    return this.page
      .locator(".monaco-editor .view-line")
      .filter({ has: this.page.locator("span") })
      .nth(number - 1);
  }

  /** A row in the Explorer. */
  file(name: string): Locator {
    return this.page
      .locator(".explorer-folders-view .monaco-list-row")
      .filter({ has: this.page.getByText(name, { exact: true }) })
      .first();
  }

  /** Chooses from the context menu; an entry may come a moment after the window, once the extension has started. */
  async contextMenu(where: Locator, entry: string): Promise<void> {
    const deadline = Date.now() + 20_000;
    do {
      await where.click({ button: "right", position: { x: 20, y: 8 } });
      await this.menuItem("Copy").waitFor();
      if ((await this.menuItem(entry).count()) > 0) {
        await this.choose(entry);
        return;
      }
      await this.page.keyboard.press("Escape");
      await this.page.waitForTimeout(300);
    } while (Date.now() < deadline);
    throw new Error(`The context menu has no entry "${entry}".`);
  }

  /** Chooses from the menu that is open. */
  async choose(entry: string): Promise<void> {
    const item = this.menuItem(entry);
    await item.waitFor();
    // A menu takes no click in its first moments, so that the click that opened it chooses nothing.
    await this.page.waitForTimeout(500);
    await item.click();
  }

  /** An entry of the open context menu. */
  menuItem(name: string): Locator {
    return this.page.locator(".monaco-menu .action-item", { hasText: name }).first();
  }

  /** The view container of TracIn in the activity bar. */
  async openSidebar(): Promise<void> {
    const tab = this.page.locator(".activitybar .action-item", {
      has: this.page.locator('[aria-label^="TracIn"]'),
    });
    const isOpen = async () => (await tab.getAttribute("class"))?.includes("checked") === true;
    // While a window comes back it may show the container a moment after the click, which then has closed it.
    for (let tries = 0; tries < 3 && !(await isOpen()); tries++) {
      await tab.click();
      await this.leave();
      await this.page.waitForTimeout(500);
    }
  }

  /** Opens one of the trees in the TracIn container, which are folded at first. */
  async unfold(view: string): Promise<void> {
    const header = this.page.locator(`.pane-header[aria-label^="${view}"]`);
    if ((await header.getAttribute("aria-expanded")) === "false") {
      await header.click();
    }
  }

  /** A row of one of the trees in the TracIn container. */
  treeRow(view: string, text: string | RegExp): Locator {
    return this.page
      .locator(".split-view-view", {
        has: this.page.locator(`.pane-header[aria-label^="${view}"]`),
      })
      .locator(".monaco-list-row", { hasText: text })
      .first();
  }

  /** The inside of the Influence panel. */
  get panel(): FrameLocator {
    return this.page.frameLocator("iframe.webview.ready").frameLocator("#active-frame");
  }

  /** A row of the finished ranking, counted from 0. */
  panelRow(index: number): Locator {
    return this.panel.locator("tracin-run tracin-row").nth(index);
  }

  /** Waits until the panel shows a finished ranking. */
  async ranked(timeout = 60_000): Promise<void> {
    await this.panelRow(0).locator(".place button").waitFor({ timeout });
  }

  /** Takes the first answer to every question until `end` shows; types `text` where there is none to choose. */
  async answerUntil(end: Locator, text = ""): Promise<void> {
    const input = this.quickInput.locator("input.input");
    for (const start = Date.now(); Date.now() - start < 120_000; ) {
      await end.or(input).first().waitFor({ timeout: 60_000 });
      if (await end.isVisible()) {
        return;
      }
      const asked = await this.question();
      if (!asked.startsWith("asks")) {
        continue; // the last one on its way out: a key would go to what comes next
      }
      const choices = this.quickInput.locator(".quick-input-list .monaco-list-row");
      if (!(await appears(choices.first(), 1000)) && (await input.isVisible())) {
        await input.fill(text);
      }
      if ((await this.question()) === asked) {
        await input.press("Enter");
      }
      // The answer goes to the compute process, and the input hides; the next question may show at once.
      await expect.poll(() => this.question(), { timeout: 60_000 }).not.toBe(asked);
    }
    throw new Error("There is no end to the questions.");
  }

  /** What the open quick pick or input box asks, and whether one is open. */
  private question(): Promise<string> {
    return this.page.locator(".quick-input-widget:visible input.input").evaluateAll(([input]) => {
      const widget = input?.closest(".quick-input-widget");
      const title = widget?.querySelector(".quick-input-title")?.textContent ?? "";
      const prompt = widget?.querySelector(".quick-input-message")?.textContent;
      return title === "" ? "closed" : `asks ${input?.getAttribute("placeholder")} ${prompt}`;
    });
  }

  /** The line of the cursor, counted from 1. */
  async cursorLine(): Promise<number> {
    const status = await this.page.locator('[id="status.editor.selection"]').textContent();
    return Number(/Ln (\d+)/.exec(status ?? "")?.[1]);
  }

  /** What decorations write before and behind the visible text of the editor, such as `▲ 1st proponent +0.182`. */
  async marks(): Promise<readonly string[]> {
    return (await this.decorations()).map(({ text }) => text);
  }

  /** What decorations write on the line of the cursor, and in which colour. */
  async cursorMarks(): Promise<readonly Decoration[]> {
    const cursor = await this.page.locator(".editor-instance .cursor").first().boundingBox();
    const decorations = await this.decorations();
    return decorations.filter(({ top }) => Math.abs(top - (cursor?.y ?? 0)) < 5);
  }

  private decorations(): Promise<readonly Decoration[]> {
    return this.page.locator(".editor-instance .view-lines .view-line span").evaluateAll((spans) =>
      spans
        .flatMap((span) => {
          const { top } = span.getBoundingClientRect();
          return ["::before", "::after"].map((part) => {
            const { content, color } = getComputedStyle(span, part);
            return { text: content, color, top };
          });
        })
        .filter(({ text }) => /^".*\S.*"$/.test(text))
        .map((decoration) => ({ ...decoration, text: decoration.text.slice(1, -1) })),
    );
  }

  /** The badge on a tab or on a row of the Explorer, `none` where there is none. */
  async badge(where: Locator): Promise<string> {
    return where
      .locator(".monaco-icon-label")
      .first()
      .evaluate((label) => getComputedStyle(label, "::after").content.replaceAll('"', ""));
  }

  /** Drags the edge of the sidebar until it is `width` wide. */
  async resizeSidebar(width: number): Promise<void> {
    const edge = await this.page.locator(".part.sidebar").boundingBox();
    if (edge) {
      const y = edge.y + edge.height / 2;
      await this.page.mouse.move(edge.x + edge.width + 1, y);
      await this.page.mouse.down();
      await this.page.mouse.move(edge.x + width, y, { steps: 8 });
      await this.page.mouse.up();
      await this.leave();
    }
  }

  /** Takes the mouse off what shows that it is there, such as tooltips. */
  private async leave(): Promise<void> {
    await this.page.mouse.move(640, 2);
  }

  notification(text: string | RegExp): Locator {
    return this.page
      .locator(".notifications-toasts .notification-toast", { hasText: text })
      .first();
  }

  async screenshot(name: string): Promise<void> {
    await this.page.waitForTimeout(500); // what slides in has come to rest
    await this.page.screenshot({ path: path.join(OUTPUT, `${name}.png`) });
  }
}

function appears(what: Locator, timeout: number): Promise<boolean> {
  return what.waitFor({ timeout }).then(
    () => true,
    () => false,
  );
}
