import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { IRIS } from "../support/large.ts";
import { OUTPUT } from "../support/paths.ts";
import { useVSCode } from "../support/session.ts";

const BIN = path.join(OUTPUT, "npm-bin");
await mkdir(BIN, { recursive: true });

// All that is on the PATH of this VS Code is what a test puts there: it asks no login shell for another one.
const vscode = useVSCode("tensorflow", { env: { PATH: BIN, VSCODE_CLI: "1" } });
const command = "TracIn: Install TensorFlow Engine";
const package_ = "node_modules/@tensorflow/tfjs-node";

/** An npm that does what a script says with the folders of a usual PATH. */
async function npm(script: string): Promise<void> {
  const file = path.join(BIN, "npm");
  await writeFile(
    file,
    `#!/bin/sh\nPATH=/usr/bin:/bin\nif [ "$1" = --version ]; then echo 12.0.0; exit; fi\n${script}\n`,
  );
  await chmod(file, 0o755);
}

/** Runs the command and says yes. */
async function install(): Promise<void> {
  const { editor } = vscode;
  await editor.command(command);
  await editor.page.locator(".monaco-dialog-box", { hasText: "Install the TensorFlow" }).waitFor();
  await editor.page.locator(".monaco-dialog-box .monaco-button", { hasText: "Install" }).click();
}

/** Files in the extension's storage below a name; none where it is not there. */
async function stored(name = ""): Promise<readonly string[]> {
  const storage = path.join(vscode.server.home, "user-data", "User", "globalStorage");
  const own = (await readdir(storage)).find((folder) => folder.endsWith("tracin")) ?? "";
  return readdir(path.join(storage, own, name)).catch(() => []);
}

/** What the extension has logged. */
async function log(): Promise<string> {
  const logs = path.join(vscode.server.home, "user-data", "logs");
  const files = await readdir(logs, { recursive: true });
  const own = files.filter((file) => /TracIn\.log$/.test(file));
  const texts = await Promise.all(own.map((file) => readFile(path.join(logs, file), "utf8")));
  return texts.join("\n");
}

/** Explains a prediction, which tells whether the extension goes on. */
async function computes(): Promise<void> {
  await vscode.explain(4, "species");
  await vscode.editor.ranked();
}

it("without npm on the PATH, a plain message says what to install", async () => {
  await rm(path.join(BIN, "npm"), { force: true });
  await vscode.openFolder([IRIS]);
  await install();
  const { editor } = vscode;
  await editor.notification(/npm is not on the PATH.*https:\/\/nodejs\.org/).waitFor();
  await editor.screenshot("tensorflow-no-npm");
  expect(await stored("tensorflow")).toEqual([]);
  await computes();
});

it("an npm that fails is told with its reason, and leaves nothing", async () => {
  await npm(
    `mkdir -p ${package_}; echo "* Downloading libtensorflow"; sleep 3; echo "Error: getaddrinfo ENOTFOUND storage.googleapis.com" >&2; exit 1`,
  );
  await vscode.openFolder([IRIS]);
  await install();
  const { editor } = vscode;
  await editor.notification("Downloading TensorFlow's native library").waitFor();
  await editor.screenshot("tensorflow-progress");
  await editor
    .notification(/native library could not be downloaded from storage.*HTTPS_PROXY/)
    .waitFor();
  await editor.screenshot("tensorflow-failed");
  expect(await stored()).not.toContain("tensorflow");
  expect(await log()).toMatch(/npm: Error: getaddrinfo ENOTFOUND/);
  await computes();
  expect(await log()).toMatch(/Engine: onnxruntime\. Of the engines .* it is the fastest/);
});

it("an installation whose binding does not compute is removed again", async () => {
  const index = `exports.getBackend = () => "tensorflow"; exports.tidy = () => { throw new Error("libtensorflow.so.2 has no such symbol"); };`;
  await npm(
    `mkdir -p ${package_}; echo '{"main":"index.js"}' > ${package_}/package.json; cat > ${package_}/index.js <<'EOF'\n${index}\nEOF`,
  );
  await vscode.openFolder([IRIS]);
  await install();
  const { editor } = vscode;
  await editor.notification(/was installed, but it does not run, so it was removed/).waitFor();
  await editor.screenshot("tensorflow-broken");
  expect(await stored()).not.toContain("tensorflow");
  await computes();
});

it("cancelled midway, npm ends and nothing is left", async () => {
  await npm(`mkdir -p ${package_}; echo "* Downloading libtensorflow"; sleep 30; touch late`);
  await vscode.openFolder([IRIS]);
  await install();
  const { editor } = vscode;
  const progress = editor.notification("Downloading TensorFlow's native library");
  await progress.waitFor();
  await expect.poll(() => stored()).toContain("tensorflow");
  await progress.locator(".monaco-button", { hasText: "Cancel" }).click();
  await progress.waitFor({ state: "detached" });
  await expect.poll(() => stored()).not.toContain("tensorflow");
  await editor.screenshot("tensorflow-cancelled");
  expect(await editor.page.locator(".notification-toast").count()).toBe(0);
  await computes();
});
