// Pictures of every view, narrow and wide, in four themes, and a sheet of them for each theme and width:
// node test/webview/screenshots.mjs [folder] [view...]
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { startPanel } from "./browser.mjs";
import { openView, themes, viewNames } from "./views.mjs";

const folder = process.argv[2] ?? "test/e2e/output/panel";
const only = process.argv.slice(3);
const names = only.length > 0 ? only : viewNames;
/** The narrowest sidebar, a usual one, and from where on lists stand side by side. */
const widths = [200, 320, 900];

await mkdir(folder, { recursive: true });
const panel = await startPanel();
try {
  for (const theme of themes) {
    for (const width of widths) {
      const pictures = [];
      for (const name of names) {
        const page = await openView(panel, name, { width, theme });
        const picture = await page.screenshot();
        await page.close();
        await writeFile(path.join(folder, `${name}-${width}-${theme}.png`), picture);
        pictures.push({ name, picture });
      }
      await writeFile(
        path.join(folder, `sheet-${theme}-${width}.png`),
        await sheet(pictures, width),
      );
    }
  }
} finally {
  await panel.close();
}

/** All pictures with their names, side by side. */
async function sheet(pictures, width) {
  const scale = width > 400 ? 0.5 : 1;
  const page = await panel.blank(1600, 400);
  await page.setContent(
    `<body style="margin:8px;display:flex;flex-wrap:wrap;gap:12px;font:13px sans-serif;background:#888">${pictures
      .map(
        ({ name, picture }) =>
          `<figure style="margin:0"><figcaption>${name}</figcaption><img width="${width * scale}" src="data:image/png;base64,${picture.toString("base64")}"></figure>`,
      )
      .join("")}</body>`,
  );
  const image = await page.screenshot({ fullPage: true });
  await page.close();
  return image;
}
