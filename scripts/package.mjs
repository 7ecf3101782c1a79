/**
 * Packages the built extension for one platform: dist/tracin-<platform>-<version>.vsix.
 *
 * A staging folder gets what .vscodeignore allows, a manifest without dependencies, and the native parts of the one
 * platform in dist/node_modules; so a package holds nothing of the other platforms.
 * Options: --target <platform> (this machine's unless told; its native parts must be installed), --quick (larger, and done in
 * seconds: for trying and testing a change).
 */
import { spawnSync } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { createVSIX } from "@vscode/vsce";
import { hostTexts } from "./l10n.mjs";
import { repack } from "./repack.mjs";

const MOST_MEGABYTES = 45;

const root = path.resolve(import.meta.dirname, "..");
const { values } = parseArgs({
  options: { target: { type: "string" }, quick: { type: "boolean" } },
});
const target = values.target ?? `${process.platform}-${process.arch}`;
const [platform, arch] = target.split("-");
const manifest = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
const staging = path.join(root, "dist", "staging", target);
const output = path.join(root, "dist", `tracin-${target}-${manifest.version}.vsix`);

/** Packages that a bundle cannot hold, and what of each is needed at run time. */
const native = {
  "onnxruntime-node": (file) =>
    file === "" ||
    /^dist(\/|$)/.test(file) ||
    ["bin", "bin/napi-v6", `bin/napi-v6/${platform}`].includes(file) ||
    // A link to the versioned library beside it would be packaged as a second copy.
    (file.startsWith(`bin/napi-v6/${platform}/${arch}`) && !/DirectML|dxcompiler|dxil/.test(file)),
  "onnxruntime-common": (file) => file === "" || /^dist(\/cjs(\/.*)?)?$/.test(file),
  "@duckdb/node-api": () => true,
  "@duckdb/node-bindings": () => true,
  [`@duckdb/node-bindings-${target}`]: () => true,
  "detect-libc": () => true,
};

const manifestFiles = new Set(["package.json", "LICENSE", "ThirdPartyNotices.txt"]);

await rm(staging, { recursive: true, force: true });
await mkdir(path.join(staging, "dist"), { recursive: true });
await stageProduct();
for (const [name, wanted] of Object.entries(native)) {
  await stageNative(name, wanted);
}
stripSymbols();
await createVSIX({
  cwd: staging,
  packagePath: output,
  target,
  dependencies: false,
  allowMissingRepository: true,
  rewriteRelativeLinks: false,
});
if (!values.quick) {
  await repack(output);
}
const megabytes = (await stat(output)).size / 1e6;
report(`${path.relative(root, output)}: ${megabytes.toFixed(1)} MB`);
if (megabytes > MOST_MEGABYTES && !values.quick) {
  report(`That is more than the ${MOST_MEGABYTES} MB that a package may have.`);
  process.exitCode = 1;
}

async function stageProduct() {
  const { scripts, dependencies, optionalDependencies, devDependencies, bin, ...rest } = manifest;
  delete rest.private;
  delete rest.allowScripts;
  await writeFile(path.join(staging, "package.json"), JSON.stringify(rest, null, 2));
  for (const file of [
    "package.nls.json",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    ".vscodeignore",
  ]) {
    await cp(path.join(root, file), path.join(staging, file));
  }
  const bundles = (await readdir(path.join(root, "dist"))).filter((file) =>
    /^(?!cli\b).*\.(m?js|LEGAL\.txt)$/.test(file),
  );
  for (const file of ["extension.js", "compute.js", "hdf5.mjs"].filter(
    (name) => !bundles.includes(name),
  )) {
    throw new Error(`dist/${file} is missing: the build failed.`);
  }
  for (const file of bundles) {
    await cp(path.join(root, "dist", file), path.join(staging, "dist", file));
  }
  await cp(path.join(root, "dist", "webview"), path.join(staging, "dist", "webview"), {
    recursive: true,
    filter: (file) => !file.endsWith(".map"),
  });
  await mkdir(path.join(staging, "l10n"));
  await writeFile(
    path.join(staging, "l10n", "bundle.l10n.json"),
    JSON.stringify(await hostTexts(root), null, 2),
  );
  await cp(path.join(root, "media"), path.join(staging, "media"), { recursive: true });
  await cp(path.join(root, "samples"), path.join(staging, "samples"), {
    recursive: true,
    filter: (file) => !/[\\/](\.tracin|__pycache__)([\\/]|$)/.test(file),
  });
}

async function stageNative(name, wanted) {
  const source = path.join(root, "node_modules", ...name.split("/"));
  const filter = (file) => {
    const relative = path.relative(source, file).replaceAll("\\", "/");
    const useless = /\.(map|d\.ts|d\.mts|tsbuildinfo)$/.test(relative);
    return !useless && (manifestFiles.has(relative) || wanted(relative));
  };
  try {
    await cp(source, path.join(staging, "dist", "node_modules", ...name.split("/")), {
      recursive: true,
      filter,
    });
  } catch (cause) {
    throw new Error(`${name} is not installed, so ${target} cannot be packaged here.`, { cause });
  }
}

/** Linux libraries come with symbol tables that only a debugger reads: 11 MB of 70 in DuckDB's. */
function stripSymbols() {
  const library = path.join(
    staging,
    `dist/node_modules/@duckdb/node-bindings-${target}/libduckdb.so`,
  );
  if (platform === "linux" && spawnSync("strip", ["--strip-unneeded", library]).status !== 0) {
    report(
      "strip (binutils) did not work here: the package is about 3 MB larger than it could be.",
    );
  }
}

function report(line) {
  process.stdout.write(`${line}\n`);
}
