import { createRequire } from "node:module";
import path from "node:path";
import vm from "node:vm";
import { build, type Metafile } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import manifest from "../../../package.json" with { type: "json" };
import titles from "../../../package.nls.json" with { type: "json" };
import { createStub, type Stub } from "./vscode.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");

/** Small libraries that the extension host may hold; everything else belongs to the compute process. */
const ALLOWED = ["jsonc-parser", "vscode-jsonrpc", "vscode-messenger", "vscode-messenger-common"];
const MOST_BYTES = 250_000;

let code = "";
let metafile: Metafile;

beforeAll(async () => {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ["src/extension.ts"],
    bundle: true,
    minify: true,
    platform: "node",
    format: "cjs",
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    external: ["vscode"],
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  code = result.outputFiles[0]?.text ?? "";
  metafile = result.metafile;
});

describe("what the extension host loads", () => {
  it("holds nothing of the core but its error class and the hashes of rows and images", () => {
    const core = Object.keys(metafile.inputs).filter((file) => file.startsWith("src/core/"));
    expect(core).toEqual([
      "src/core/datasets/image-hash.ts",
      "src/core/datasets/row-hash.ts",
      "src/core/errors.ts",
    ]);
  });

  it("holds no compute, CLI or webview code", () => {
    const others = Object.keys(metafile.inputs).filter((file) =>
      /^(src\/(compute|cli)|webview)\//.test(file),
    );
    expect(others).toEqual([]);
  });

  it("holds only small libraries", () => {
    const packages = new Set(
      Object.keys(metafile.inputs).flatMap(
        (file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? [],
      ),
    );
    expect([...packages].sort()).toEqual(ALLOWED);
  });

  it(`is smaller than ${MOST_BYTES} bytes`, () => {
    expect(code.length).toBeGreaterThan(10_000);
    expect(code.length).toBeLessThan(MOST_BYTES);
  });
});

describe("activation", () => {
  it("requires VS Code and Node alone, and registers every command and view of the manifest", async () => {
    const stub = createStub();
    const required = await activate(stub);
    const builtins = required.filter(
      (name) => /^(node:)?[a-z_/]+$/.test(name) && name !== "vscode",
    );
    const own = createRequire(import.meta.url);
    for (const name of builtins) {
      expect(own.resolve(name), `${name} is a part of Node`).toBe(name);
    }
    expect(required.filter((name) => !builtins.includes(name))).toEqual(["vscode"]);
    const declared = manifest.contributes.commands.map(({ command }) => command);
    expect([...stub.recorded.commands.keys()].sort()).toEqual(declared.sort());
    const views = manifest.contributes.views.tracin.map(({ id }) => id);
    expect([...stub.recorded.views].sort()).toEqual(views.sort());
  });

  it("tells the menus that there is no project", async () => {
    const stub = createStub();
    await activate(stub);
    expect(Object.fromEntries(stub.recorded.contexts)).toMatchObject({
      "tracin.hasProject": false,
      "tracin.dataFiles": [],
      "tracin.imageFolders": [],
    });
  });

  it("tells the person when it fails", async () => {
    const stub = createStub();
    Object.assign(stub.api["workspace"] as object, {
      findFiles: () => Promise.reject(new Error("no disk")),
    });
    await expect(activate(stub)).rejects.toThrow("no disk");
    expect(stub.recorded.messages).toEqual(["TracIn could not start: no disk"]);
  });
});

describe("the manifest", () => {
  it("has a text for every placeholder, and no text without one", () => {
    const used = [...JSON.stringify(manifest).matchAll(/"%([^%"]+)%"/g)].map((match) => match[1]);
    expect([...new Set(used)].sort()).toEqual(Object.keys(titles).sort());
  });

  it("names only commands that exist in its menus", () => {
    const declared = new Set(manifest.contributes.commands.map(({ command }) => command));
    const named = Object.values(manifest.contributes.menus)
      .flat()
      .map(({ command }) => command);
    expect(named.filter((command) => !declared.has(command))).toEqual([]);
  });

  it("describes every setting in one sentence", () => {
    const texts: Readonly<Record<string, string>> = titles;
    for (const { properties } of manifest.contributes.configuration) {
      for (const [name, { description }] of Object.entries(properties)) {
        const text = texts[description.replaceAll("%", "")] ?? "";
        expect(text, name).toMatch(/^[A-Z].*\.$/);
      }
    }
  });
});

/** Runs the bundle with a `require` that hands out the stub and Node's own modules; returns what was required. */
async function activate(stub: Stub): Promise<string[]> {
  const required = new Set<string>();
  const own = createRequire(import.meta.url);
  const module: { exports: { activate?: (context: unknown) => Promise<void> } } = { exports: {} };
  const load = (name: string): unknown => {
    required.add(name);
    return name === "vscode" ? stub.api : own(name);
  };
  const run = vm.runInThisContext(`(function (module, exports, require) {${code}\n})`);
  run(module, module.exports, load);
  await module.exports.activate?.({
    subscriptions: [],
    extensionUri: { path: ROOT },
    globalStorageUri: { path: "/storage" },
    asAbsolutePath: (file: string) => path.join(ROOT, file),
    workspaceState: { get: () => undefined, update: () => Promise.resolve() },
  });
  return [...required].sort();
}
