import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { launch } from "./editor.ts";
import { OUTPUT } from "./paths.ts";

/** Pictures on one sheet, and the width of each in pixels. */
const perSheet = 12;
const width = 640;

/** After all tests: the screenshots of this run, side by side with their names, on as few sheets as can be looked at. */
export default function setup(): () => Promise<void> {
  const started = Date.now();
  return async () => {
    const pictures: string[] = [];
    for (const file of (await readdir(OUTPUT).catch(() => [])).sort()) {
      const isPicture = file.endsWith(".png") && !file.startsWith("sheet-");
      if (isPicture && (await stat(path.join(OUTPUT, file))).mtimeMs >= started) {
        pictures.push(file);
      }
    }
    if (pictures.length === 0) {
      return;
    }
    const browser = await launch();
    try {
      for (let first = 0; first < pictures.length; first += perSheet) {
        const page = await browser.newPage({ viewport: { width: 3 * width + 60, height: 600 } });
        const figures = await Promise.all(pictures.slice(first, first + perSheet).map(figure));
        await page.setContent(
          `<body style="margin:15px;display:flex;flex-wrap:wrap;gap:15px;font:14px sans-serif;background:#999">${figures.join("")}</body>`,
        );
        const name = `sheet-${String(first / perSheet + 1).padStart(2, "0")}.png`;
        await writeFile(path.join(OUTPUT, name), await page.screenshot({ fullPage: true }));
        await page.close();
      }
    } finally {
      await browser.close();
    }
  };
}

async function figure(file: string): Promise<string> {
  const bytes = await readFile(path.join(OUTPUT, file));
  return `<figure style="margin:0"><figcaption>${path.basename(file, ".png")}</figcaption><img width="${width}" src="data:image/png;base64,${bytes.toString("base64")}"></figure>`;
}
