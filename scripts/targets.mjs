import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");

/** The platforms of VS Code that can be served, by their names there. Its 32-bit ARM has no DuckDB. */
export const targets = {
  "linux-x64": { os: "linux", cpu: "x64", libc: "glibc" },
  "linux-arm64": { os: "linux", cpu: "arm64", libc: "glibc" },
  "alpine-x64": { os: "linux", cpu: "x64", libc: "musl" },
  "alpine-arm64": { os: "linux", cpu: "arm64", libc: "musl" },
  "darwin-x64": { os: "darwin", cpu: "x64" },
  "darwin-arm64": { os: "darwin", cpu: "arm64" },
  "win32-x64": { os: "win32", cpu: "x64" },
  "win32-arm64": { os: "win32", cpu: "arm64" },
};

/** The name of the machine that this runs on. */
export function thisTarget() {
  const musl =
    process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime;
  return `${musl ? "alpine" : process.platform}-${process.arch}`;
}

/**
 * The packages that the bundles leave outside, for a target: the folder of each, and which of its files are needed at run
 * time. Those of other platforms are fetched at the versions, and checked with the hashes, of package-lock.json.
 */
export async function nativePackages(target) {
  const bindings = await duckdbBindings(target);
  return [
    ...enginePackages(target),
    ...["@duckdb/node-api", "@duckdb/node-bindings", "detect-libc"].map((name) =>
      installed(name, () => true),
    ),
    { ...bindings, wanted: () => true },
  ];
}

/** onnxruntime with its library for the processor, or in WebAssembly where it has none (Intel Macs, Alpine Linux). */
function enginePackages(target) {
  const { os, cpu, libc } = targets[target];
  const common = installed("onnxruntime-common", within("dist/cjs"));
  const folder = `bin/napi-v6/${os}/${cpu}`;
  if (libc === "musl" || !existsSync(path.join(root, "node_modules/onnxruntime-node", folder))) {
    const files = ["ort.node.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];
    const wanted = within(...files.map((file) => `dist/${file}`));
    return [common, installed("onnxruntime-web", wanted)];
  }
  const wanted = within("dist", folder);
  // The library of macOS lies there under two names; the libraries for graphics cards are loaded on demand, and never are.
  const useless = /libonnxruntime\.\d+\.\d+\.\d+\.dylib$|DirectML|dxcompiler|dxil/;
  const needed = (file) => wanted(file) && !useless.test(file);
  return [common, installed("onnxruntime-node", needed)];
}

/** Whether a file lies in one of some folders (or is one of them, or above one, so that a copy gets there). */
function within(...places) {
  return (file) =>
    places.some(
      (place) => place === file || `${file}/`.startsWith(`${place}/`) || isAbove(file, place),
    );
}

function isAbove(folder, place) {
  return folder === "" || place.startsWith(`${folder}/`);
}

function installed(name, wanted) {
  return { name, folder: path.join(root, "node_modules", ...name.split("/")), wanted };
}

async function duckdbBindings(target) {
  const { os, cpu, libc } = targets[target];
  const name = `@duckdb/node-bindings-${os}-${cpu}${libc === "musl" ? "-musl" : ""}`;
  const here = installed(name).folder;
  if (existsSync(here)) {
    return { name, folder: here };
  }
  const project = path.join(root, "dist", "native", target);
  const lock = JSON.parse(await readFile(path.join(root, "package-lock.json"), "utf8"));
  const entry = lock.packages[`node_modules/${name}`];
  const manifest = { name: "native", dependencies: { [name]: entry.version } };
  await mkdir(project, { recursive: true });
  await writeFile(path.join(project, "package.json"), JSON.stringify(manifest));
  await writeFile(
    path.join(project, "package-lock.json"),
    JSON.stringify({
      ...manifest,
      lockfileVersion: 3,
      packages: { "": manifest, [`node_modules/${name}`]: { ...entry, optional: undefined } },
    }),
  );
  // --force, because it is for another platform.
  const options = ["--force", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = spawnSync("npm", ["ci", ...options], {
    cwd: project,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (npm.status !== 0) {
    throw new Error(`${name} for ${target} could not be fetched:\n${npm.stderr}`);
  }
  return { name, folder: path.join(project, "node_modules", ...name.split("/")) };
}
