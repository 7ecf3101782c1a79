// Builds the panel and its harness and opens them in Chromium, under the policy that the extension sets.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
const origin = "http://panel.test";
const nonce = "bm9uY2Utb2YtdGhlLWhhcm5lc3M";
const policy = [
  "default-src 'none'",
  "img-src blob:",
  `style-src ${origin} 'nonce-${nonce}'`,
  `script-src 'nonce-${nonce}'`,
].join("; ");

const shell = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta property="csp-nonce" content="${nonce}">
    <link rel="stylesheet" href="${origin}/main.css">
    <script nonce="${nonce}" src="${origin}/harness.js"></script>
    <title>Influence</title>
  </head>
  <body>
    <script nonce="${nonce}">
      harness.theme("dark");
      window.violations = [];
      addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective + " " + event.sample));
      // Every blob URL made and not yet revoked, to see that images are let go.
      window.blobs = new Set();
      const { createObjectURL, revokeObjectURL } = URL;
      URL.createObjectURL = (blob) => { const url = createObjectURL(blob); blobs.add(url); return url; };
      URL.revokeObjectURL = (url) => { blobs.delete(url); revokeObjectURL(url); };
    </script>
    <script type="module" nonce="${nonce}" src="${origin}/main.js"></script>
  </body>
</html>`;

/** The Chromium to drive: the variable CHROMIUM, or the first found on the path. */
function findChromium() {
  const named = process.env["CHROMIUM"];
  const candidates = named
    ? [named]
    : (process.env["PATH"] ?? "")
        .split(delimiter)
        .flatMap((folder) =>
          ["chromium", "chromium-browser", "google-chrome"].map((name) => join(folder, name)),
        );
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // The next one, then.
    }
  }
  throw new Error("No Chromium found: set CHROMIUM to its path.");
}

/** The text of a bundle's file of one kind. */
function outputOf(result, extension) {
  const file = result.outputFiles.find(({ path }) => path.endsWith(extension));
  if (!file) {
    throw new Error(`The bundle has no ${extension} file.`);
  }
  return file.text;
}

/** Bundles the panel as the extension's build does, and the harness as a script that runs before it. */
async function bundle() {
  const common = {
    bundle: true,
    write: false,
    outdir: "memory",
    logLevel: "warning",
    target: "es2022",
    platform: "browser",
  };
  const [panel, harness] = await Promise.all([
    build({
      ...common,
      entryPoints: [join(root, "webview/main.ts")],
      format: "iife",
      minify: true,
    }),
    build({ ...common, entryPoints: [join(root, "test/webview/harness.ts")], format: "iife" }),
  ]);
  return {
    "/main.js": [outputOf(panel, ".js"), "text/javascript"],
    "/harness.js": [outputOf(harness, ".js"), "text/javascript"],
    "/main.css": [outputOf(panel, ".css"), "text/css"],
    "/": [shell, "text/html"],
  };
}

/**
 * Starts Chromium with the panel at hand.
 * @returns {Promise<{ bytes: number, open: (width: number, height: number) => Promise<import("playwright-core").Page>, close: () => Promise<void> }>}
 */
export async function startPanel() {
  const files = await bundle();
  const browser = await chromium.launch({
    executablePath: findChromium(),
    headless: true,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const open = async (width, height) => {
    const page = await browser.newPage({ viewport: { width, height } });
    page.on("pageerror", (error) => {
      throw error;
    });
    await page.route("**/*", (route) => {
      const file = files[new URL(route.request().url()).pathname];
      return file
        ? route.fulfill({ body: file[0], contentType: file[1] })
        : route.fulfill({ status: 404, body: "" });
    });
    await page.goto(`${origin}/`);
    await page.waitForFunction(() =>
      window.harness.sent.some((message) => message.method === "ready"),
    );
    return page;
  };
  const blank = (width, height) => browser.newPage({ viewport: { width, height } });
  return { bytes: files["/main.js"][0].length, open, blank, close: () => browser.close() };
}
