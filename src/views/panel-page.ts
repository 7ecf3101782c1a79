import { randomBytes } from "node:crypto";
import { Uri, type Webview } from "vscode";

/** Where the panel stands: narrow in the side bar, or as wide as an editor. */
export type PanelPlace = "sidebar" | "editor";

/** Folder of the panel's bundle. */
function panelBundle(extension: Uri): Uri {
  return Uri.joinPath(extension, "dist", "webview");
}

/** Sets a webview up for the panel: its policy allows the panel's own script and styles, and nothing else. */
export function loadPanel(webview: Webview, extension: Uri, place: PanelPlace): void {
  const bundle = panelBundle(extension);
  webview.options = { enableScripts: true, localResourceRoots: [bundle] };
  webview.html = page(webview, bundle, place);
}

function page(webview: Webview, bundle: Uri, place: PanelPlace): string {
  const nonce = randomBytes(16).toString("base64");
  const script = webview.asWebviewUri(Uri.joinPath(bundle, "main.js")).toString();
  const style = webview.asWebviewUri(Uri.joinPath(bundle, "main.css")).toString();
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `img-src ${webview.cspSource} data: blob:`,
    `font-src ${webview.cspSource}`,
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en" data-place="${place}">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="${policy}">
  <meta property="csp-nonce" content="${nonce}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="stylesheet" href="${style}">
  <title>TracIn Influence</title>
</head>
<body>
  <tracin-app></tracin-app>
  <script type="module" nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}
