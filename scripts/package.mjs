/**
 * Packages the built extension: dist/tracin-<platform>-<version>.vsix.
 *
 * A staging folder gets what .vscodeignore allows, a manifest without dependencies, and the native parts of the one
 * platform in dist/node_modules; so a package holds nothing of the other platforms.
 * Options: --target <platform> (this machine's unless told; may be repeated), --all (every platform), --quick (larger, and
 * done in seconds: for trying and testing a change).
 */
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { createVSIX } from "@vscode/vsce";
import { hostTexts } from "./l10n.mjs";
import { repack } from "./repack.mjs";
import { slim } from "./slim.mjs";
import { nativePackages, targets, thisTarget } from "./targets.mjs";

const MOST_MEGABYTES = 45;

const root = path.resolve(import.meta.dirname, "..");
const { values } = parseArgs({
  options: {
    target: { type: "string", multiple: true, default: [thisTarget()] },
    all: { type: "boolean" },
    quick: { type: "boolean" },
  },
});
const manifest = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
const manifestFiles = new Set(["package.json", "LICENSE", "ThirdPartyNotices.txt"]);

for (const target of values.all ? Object.keys(targets) : values.target) {
  if (!(target in targets)) {
    report(`There is no package for ${target}. Platforms: ${Object.keys(targets).join(", ")}.`);
    process.exitCode = 1;
    continue;
  }
  await packageFor(target);
}

async function packageFor(target) {
  const staging = path.join(root, "dist", "staging", target);
  const output = path.join(root, "dist", `tracin-${target}-${manifest.version}.vsix`);
  await rm(staging, { recursive: true, force: true });
  await mkdir(path.join(staging, "dist"), { recursive: true });
  await stageProduct(staging);
  for (const native of await nativePackages(target)) {
    for (const library of await stageNative(staging, native)) {
      const left = await slim(library, targets[target].cpu);
      if (left) {
        report(left);
      }
    }
  }
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
}

async function stageProduct(staging) {
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

/** The libraries among the files that were staged. */
async function stageNative(staging, { name, folder, wanted }) {
  const filter = (file) => {
    const relative = path.relative(folder, file).replaceAll("\\", "/");
    const useless = /\.(map|d\.ts|d\.mts|tsbuildinfo)$/.test(relative);
    return !useless && (relative === "" || manifestFiles.has(relative) || wanted(relative));
  };
  const to = path.join(staging, "dist", "node_modules", ...name.split("/"));
  await cp(folder, to, { recursive: true, filter });
  const files = await readdir(to, { recursive: true });
  return files.filter((file) => /libduckdb\.\w+$/.test(file)).map((file) => path.join(to, file));
}

function report(line) {
  process.stdout.write(`${line}\n`);
}
