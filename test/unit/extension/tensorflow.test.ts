import { existsSync, readdirSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import manifest from "../../../package.json" with { type: "json" };
import { TracInError } from "../../../src/core/errors.ts";
import { createStub } from "./vscode.ts";

const stub = createStub();
vi.mock("vscode", () => stub.api);

const { installTensorFlowEngine } = await import(
  "../../../src/commands/install-tensorflow-engine.ts"
);
const { installTensorFlow, tensorflowPackage } = await import("../../../src/project/tensorflow.ts");

const path = process.env["PATH"] ?? "";
let root = "";
let lines: string[] = [];
let stages: string[] = [];
let releases = 0;
let check = async (): Promise<void> => {};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "tracin-npm-"));
});
beforeEach(() => {
  lines = [];
  stages = [];
  releases = 0;
  check = async () => {};
});
afterAll(async () => {
  process.env["PATH"] = path;
  await rm(root, { recursive: true, force: true });
});

/** Puts an npm on the PATH that does what a script says; `$*` are its arguments. */
async function fakeNpm(script: string): Promise<void> {
  const bin = await mkdtemp(join(root, "bin-"));
  const file = join(bin, "npm");
  await writeFile(
    file,
    `#!/bin/sh\nif [ "$1" = --version ]; then echo 12.0.0; exit; fi\n${script}\n`,
  );
  await chmod(file, 0o755);
  process.env["PATH"] = `${bin}${delimiter}${path}`;
}

async function install(platform = "linux-x64", stop = new AbortController()): Promise<string> {
  const folder = join(root, "storage", "tensorflow");
  await installTensorFlow({
    folder,
    log: (line) => {
      lines.push(line);
      // The fake npm writes when it is time to cancel.
      if (line === "waiting") {
        stop.abort();
      }
    },
    onStage: (stage) => stages.push(stage),
    check,
    release: () => void releases++,
    signal: stop.signal,
    platform,
  });
  return folder;
}

async function failureOf(promise: Promise<unknown>): Promise<TracInError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TracInError);
  expect(existsSync(join(root, "storage", "tensorflow"))).toBe(false);
  return error as TracInError;
}

it("installs the version that the tests use", () => {
  const { name, version } = tensorflowPackage;
  expect(manifest.optionalDependencies).toEqual({ [name]: version });
});

describe.skipIf(process.platform === "win32")("installing TensorFlow", () => {
  it("lets npm install the package with its script, and no other one, allowed", async () => {
    await fakeNpm(
      'echo "$*"; echo "* Downloading libtensorflow"; echo "* Building TensorFlow Node.js bindings" >&2; mkdir -p node_modules/kept',
    );
    const folder = await install();
    expect(lines[0]).toBe("npm 12.0.0");
    expect(lines).toContain(
      "install --foreground-scripts --ignore-scripts=false --no-audit --no-fund",
    );
    expect(stages).toHaveLength(4);
    expect(existsSync(join(folder, "node_modules", "kept"))).toBe(true);
    expect(JSON.parse(await readFile(join(folder, "package.json"), "utf8"))).toEqual({
      private: true,
      dependencies: { "@tensorflow/tfjs-node": "4.22.0" },
      allowScripts: { "@tensorflow/tfjs-node": true, "core-js": false },
    });
    // Once more: what was there is gone.
    await fakeNpm("true");
    await install();
    expect(existsSync(join(folder, "node_modules"))).toBe(false);
    await rm(folder, { recursive: true });
  });

  it.each([
    ["exit 3", /npm failed \(exit code 3\)\. The log has its output/],
    ['echo "npm error code ENOTFOUND"; exit 1', /npm could not download the package.*HTTPS_PROXY/],
    [
      'echo "* Downloading libtensorflow"; echo "Error: getaddrinfo ENOTFOUND storage.googleapis.com" >&2; exit 1',
      /native library could not be downloaded.*HTTPS_PROXY/,
    ],
    [
      'echo "Error: Unsupported system: cpu-linux-riscv" >&2; exit 1',
      /no native library for this platform/,
    ],
    ['echo "gyp ERR! build error" >&2; exit 1', /no binding for this version of Node/],
  ])("tells why npm failed: %s", async (script, message) => {
    await fakeNpm(script);
    const error = await failureOf(install());
    expect(error.kind).toBe("engine");
    expect(error.describe()).toMatch(message);
  });

  it("ends npm and its scripts when it is cancelled, and leaves nothing", async () => {
    const marker = join(root, "late");
    await fakeNpm(`(sleep 2; touch ${marker}) & echo waiting; sleep 60`);
    const started = performance.now();
    const error = await failureOf(install());
    expect(error.kind).toBe("cancelled");
    expect(performance.now() - started).toBeLessThan(20_000);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(existsSync(marker)).toBe(false);
  });

  it("removes what does not compute, and keeps what was there before", async () => {
    await fakeNpm("mkdir -p node_modules/new");
    check = () => Promise.reject(new TracInError("engine", "Wrong numbers."));
    const error = await failureOf(install());
    expect(error.describe()).toMatch(/does not run, so it was removed: Wrong numbers\./);
    expect(releases).toBe(2);

    check = async () => {};
    await fakeNpm("mkdir -p node_modules/works");
    const folder = await install();
    for (const script of ["mkdir -p node_modules/half; exit 1", "echo waiting; sleep 60"]) {
      await fakeNpm(script);
      await expect(install()).rejects.toThrow();
      expect(readdirSync(join(folder, "node_modules"))).toEqual(["works"]);
      expect(readdirSync(dirname(folder))).toEqual(["tensorflow"]);
    }
    // VS Code ended in the middle of an installation: the former one is beside a part of the new one.
    await rename(folder, `${folder}.former`);
    await mkdir(join(folder, "node_modules/half"), { recursive: true });
    await fakeNpm("exit 1");
    await expect(install()).rejects.toThrow();
    expect(readdirSync(join(folder, "node_modules"))).toEqual(["works"]);
    expect(readdirSync(dirname(folder))).toEqual(["tensorflow"]);
    await rm(folder, { recursive: true });
  });

  it("says where npm is missing", async () => {
    const empty = join(root, "empty");
    await mkdir(empty);
    process.env["PATH"] = empty;
    const error = await failureOf(install());
    expect(error.describe()).toMatch(/npm is not on the PATH.*https:\/\/nodejs\.org/);
  });

  it.each(["alpine-x64", "win32-arm64", "freebsd-x64"])(
    "does not begin on %s, for which there is no library",
    async (platform) => {
      await fakeNpm("echo no >&2; exit 1");
      const error = await failureOf(install(platform));
      expect(error.describe()).toMatch(new RegExp(`no native library for ${platform}`));
      expect(lines).toEqual([]);
    },
  );
});

describe.skipIf(process.platform === "win32")("TracIn: Install TensorFlow Engine", () => {
  /** The command with a compute process that finds the engine as told, check after check. */
  async function run(...checks: readonly (string | Error)[]): Promise<number> {
    const answers = [...checks];
    let resets = 0;
    const compute = {
      tensorflowFolder: join(root, "storage", "tensorflow"),
      reset: () => resets++,
      checkEngine: async () => {
        const answer = answers.shift();
        if (typeof answer === "string") {
          return answer;
        }
        throw answer ?? new Error("one check too many");
      },
    };
    const log = { info: () => undefined };
    await installTensorFlowEngine({ compute, log } as never);
    expect(answers).toEqual([]);
    return resets;
  }
  const missing = new TracInError("engine", "It is not installed.");

  beforeEach(async () => {
    stub.recorded.messages.length = 0;
    stub.recorded.written.clear();
    await fakeNpm("true");
  });

  it("asks, installs, lets the engine compute, and offers the setting", async () => {
    stub.answers = ["Install", "Use TensorFlow"];
    expect(await run(missing, "Engine: tensorflow.")).toBe(1);
    expect(stub.recorded.messages).toHaveLength(2);
    expect(stub.recorded.written).toEqual(new Map([["tracin.engine", "tensorflow"]]));
  });

  it("does nothing when the person declines", async () => {
    stub.answers = [undefined];
    expect(await run(missing)).toBe(0);
    expect(stub.recorded.written.size).toBe(0);
  });

  it("does not install again what works, unless asked", async () => {
    stub.answers = ["Keep It", undefined];
    expect(await run("Engine: tensorflow.")).toBe(0);
    stub.answers = ["Install Again", undefined];
    expect(await run("Engine: tensorflow.", "Engine: tensorflow.")).toBe(1);
  });

  it("says so when what was installed does not compute", async () => {
    stub.answers = ["Install"];
    await expect(run(missing, new TracInError("engine", "Wrong numbers."))).rejects.toThrow(
      /was installed, but it does not run, so it was removed: Wrong numbers/,
    );
    expect(stub.recorded.written.size).toBe(0);
  });

  it("refuses in restricted mode", async () => {
    Object.assign(stub.api["workspace"] as object, { isTrusted: false });
    await expect(run()).rejects.toThrow(/restricted mode/);
    Object.assign(stub.api["workspace"] as object, { isTrusted: true });
  });
});
