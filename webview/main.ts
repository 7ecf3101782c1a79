/**
 * Entry of the Influence panel; bundled to `dist/webview/main.js`, styled by `dist/webview/main.css`.
 *
 * The page around it needs `<meta property="csp-nonce" content="...">` for the toolkit and a policy of
 * `default-src 'none'; img-src blob:; style-src ${cspSource} 'nonce-...'; script-src 'nonce-...'`.
 */
import "./main.css";
import "./toolkit.ts";
import "./app.ts";

if (!document.querySelector("tracin-app")) {
  document.body.append(document.createElement("tracin-app"));
}
