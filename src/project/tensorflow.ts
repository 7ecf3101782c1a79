import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { l10n } from "vscode";
import { hasCode, TracInError } from "../core/errors.ts";

/** The package that is installed, exactly. */
export const tensorflowPackage = { name: "@tensorflow/tfjs-node", version: "4.22.0" } as const;

/** Platforms for which TensorFlow's project offers the native library that the package downloads. */
const platforms = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64", "win32-x64"];

export interface InstallOptions {
  /** Gets a `node_modules` in place of what was there before. */
  readonly folder: string;
  readonly log: (line: string) => void;
  /** What npm does now, as a sentence. */
  readonly onStage: (stage: string) => void;
  readonly signal: AbortSignal;
  /** Lets what was installed compute; throws where it does not. */
  readonly check: () => Promise<void>;
  /** Ends what may hold the library open, so that it can be removed. */
  readonly release: () => void;
  /** `linux-x64`, or another one in tests. */
  readonly platform?: string;
}

/**
 * Installs tfjs-node with the npm on the PATH. Its install script, and no other one, is allowed to run: it downloads the native library.
 * A cancelled or failed installation, also one that does not compute, leaves what was there before: an older one, or nothing.
 *
 * Throws kind `engine` where npm, a library for the platform or the network is missing or what was installed does not compute,
 * `cancelled` when the signal is aborted.
 */
export async function installTensorFlow(options: InstallOptions): Promise<void> {
  const { folder, signal, release } = options;
  checkPlatform(options.platform ?? platformName());
  await checkNpm(options);
  const former = `${folder}.former`;
  release();
  try {
    if (existsSync(former)) {
      await remove(folder); // a part that is left of an installation that was ended with VS Code itself
    } else {
      await rename(folder, former).catch(ignoreMissing);
    }
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), JSON.stringify(manifest(), null, 2));
    options.onStage(l10n.t("npm installs {0}", tensorflowPackage.name));
    await runNpm(options);
    options.onStage(l10n.t("Checking that it computes"));
    await options.check().catch(doesNotRun);
  } catch (error) {
    release();
    await remove(folder);
    await rename(former, folder).catch(ignoreMissing);
    throw signal.aborted ? new TracInError("cancelled", "Cancelled.") : error;
  }
  await remove(former);
}

function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

function ignoreMissing(error: unknown): void {
  if (!hasCode(error, "ENOENT")) {
    throw error;
  }
}

function doesNotRun(cause: unknown): never {
  throw new TracInError(
    "engine",
    l10n.t(
      "The TensorFlow engine was installed, but it does not run, so it was removed: {0}",
      TracInError.from(cause).message,
    ),
    {},
    l10n.t("TracIn goes on with ONNX Runtime."),
    { cause },
  );
}

/**
 * npm from 12 on runs only the install scripts that `allowScripts` names; older ones run all, but for those that the person has switched
 * off. Nothing else that the package needs has one that matters.
 */
function manifest(): unknown {
  const { name, version } = tensorflowPackage;
  return {
    private: true,
    dependencies: { [name]: version },
    allowScripts: { [name]: true, "core-js": false },
  };
}

/** `linux-x64`, or `alpine-x64` where the C library is not the one that TensorFlow is built for. */
function platformName(): string {
  const isAlpine = process.platform === "linux" && existsSync("/etc/alpine-release");
  return `${isAlpine ? "alpine" : process.platform}-${process.arch}`;
}

function checkPlatform(platform: string): void {
  if (!platforms.includes(platform)) {
    throw new TracInError(
      "engine",
      l10n.t("TensorFlow has no native library for {0}.", platform),
      {},
      l10n.t("TracIn goes on with ONNX Runtime."),
    );
  }
}

async function checkNpm({ log }: InstallOptions): Promise<void> {
  const isWindows = process.platform === "win32";
  const version = await new Promise<string>((resolve, reject) => {
    execFile("npm", ["--version"], { shell: isWindows, windowsHide: true }, (error, stdout) =>
      error ? reject(noNpm(error)) : resolve(stdout.trim()),
    );
  });
  log(`npm ${version}`);
}

function noNpm(cause: Error): TracInError {
  return new TracInError(
    "engine",
    l10n.t("npm is not on the PATH, or does not run."),
    {},
    l10n.t(
      "Install Node.js, which brings npm (https://nodejs.org), restart VS Code and run the command again.",
    ),
    { cause },
  );
}

/** Lines of output in which the reason of a failure is looked for. */
const rememberedLines = 400;

async function runNpm({ folder, log, onStage, signal }: InstallOptions): Promise<void> {
  signal.throwIfAborted();
  const isWindows = process.platform === "win32";
  const child = spawn(
    "npm",
    ["install", "--foreground-scripts", "--ignore-scripts=false", "--no-audit", "--no-fund"],
    // A group of its own, so that cancelling reaches the install script too.
    { cwd: folder, shell: isWindows, windowsHide: true, detached: !isWindows },
  );
  const lines: string[] = [];
  const read = (line: string) => {
    log(line);
    lines.push(line);
    lines.splice(0, lines.length - rememberedLines);
    if (line.includes("Downloading libtensorflow")) {
      onStage(l10n.t("Downloading TensorFlow's native library"));
    } else if (line.includes("Building TensorFlow Node.js bindings")) {
      onStage(l10n.t("Fetching or building the binding"));
    }
  };
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", read);
  }
  const kill = () => killGroup(child);
  signal.addEventListener("abort", kill, { once: true });
  process.once("exit", kill);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", (error) => reject(noNpm(error)));
      child.once("close", resolve);
    });
    if (code !== 0) {
      throw failure(code, lines.join("\n"));
    }
  } finally {
    signal.removeEventListener("abort", kill);
    process.removeListener("exit", kill);
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) {
    return;
  }
  if (process.platform === "win32") {
    spawn("taskkill", ["/pid", String(child.pid), "/T", "/F"], { windowsHide: true });
    return;
  }
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** Where the install script gets the library from. */
const libraryHost = "storage.googleapis.com";

const unreachable = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|E40[34]/;

/** Why npm failed, as far as its output tells. */
function failure(code: number | null, output: string): TracInError {
  const isDownloading = output.includes("Downloading libtensorflow");
  const proxy = l10n.t(
    "Check the connection; behind a proxy, set HTTPS_PROXY and npm's own proxy setting.",
  );
  if (/Unsupported system|Unsupported platform/.test(output)) {
    return failed(
      l10n.t("TensorFlow has no native library for this platform."),
      l10n.t("TracIn goes on with ONNX Runtime."),
    );
  }
  if (/gyp ERR!/.test(output)) {
    return failed(
      l10n.t("There is no binding for this version of Node.js, and it could not be built."),
      l10n.t("Use a Node.js of long-term support on the PATH, or install a C++ compiler."),
    );
  }
  if (isDownloading) {
    return failed(
      l10n.t("TensorFlow's native library could not be downloaded from {0}.", libraryHost),
      proxy,
    );
  }
  return unreachable.test(output)
    ? failed(l10n.t("npm could not download the package."), proxy)
    : failed(l10n.t("npm failed (exit code {0}).", code ?? "?"), l10n.t("The log has its output."));
}

function failed(message: string, remedy: string): TracInError {
  return new TracInError("engine", message, {}, remedy);
}
