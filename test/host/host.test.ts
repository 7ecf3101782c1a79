import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createVSIX } from "@vscode/vsce";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { CodeServer } from "../e2e/support/code-server.ts";
import { Editor, launch } from "../e2e/support/editor.ts";
import { packagedExtension, ROOT } from "../e2e/support/paths.ts";
import { type HostResult, RESULTS_VARIABLE } from "./results.ts";

const LIMIT_MS = 300_000;

// The tests run in the extension host; here each one only reports what it came to.
for (const { name, error } of await runInHost()) {
  it(name, () => {
    expect(error).toBeUndefined();
  });
}

async function runInHost(): Promise<readonly HostResult[]> {
  const folder = await mkdtemp(path.join(tmpdir(), "tracin-host-"));
  const results = path.join(folder, "results.json");
  try {
    const server = await CodeServer.start({
      name: "host",
      extensions: [await packagedExtension(), await packTests(folder)],
      env: { [RESULTS_VARIABLE]: results },
    });
    const browser = await launch();
    try {
      const workspace = await server.copy(path.join(ROOT, "samples", "iris"));
      const editor = await Editor.open(browser, server.url(workspace));
      const found = await waitFor(results);
      await editor.screenshot("host");
      return found;
    } finally {
      await browser.close();
      await server.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Bundles and packages the test extension. */
async function packTests(folder: string): Promise<string> {
  const source = path.join(import.meta.dirname, "extension");
  const staging = path.join(folder, "extension");
  const packagePath = path.join(folder, "host-tests.vsix");
  await mkdir(staging);
  await cp(path.join(source, "package.json"), path.join(staging, "package.json"));
  await build({
    entryPoints: [path.join(source, "main.ts")],
    outfile: path.join(staging, "main.js"),
    bundle: true,
    platform: "node",
    format: "cjs",
    external: ["vscode"],
    logLevel: "warning",
  });
  await createVSIX({
    cwd: staging,
    packagePath,
    dependencies: false,
    allowMissingRepository: true,
    skipLicense: true,
  });
  return packagePath;
}

async function waitFor(file: string): Promise<readonly HostResult[]> {
  const deadline = Date.now() + LIMIT_MS;
  while (Date.now() < deadline) {
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text !== undefined) {
      return JSON.parse(text);
    }
    await sleep(500);
  }
  throw new Error("The host tests did not end; see test/e2e/output/host-logs.");
}
