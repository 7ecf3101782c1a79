/**
 * node test/parity/tensorflow.mjs PYTHON
 *
 * Builds tfjs-node's binding against TensorFlow's own shared libraries, so that the TensorFlow engine can be tested where the library that
 * its install script would download cannot be had. The libraries and headers are those of the `tensorflow-cpu` wheel that PYTHON has.
 * Prints the folder whose node_modules has the package (for TRACIN_TENSORFLOW). Where something is missing it prints what, and ends with 3.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";

const missing = 3;
const folder = path.join(import.meta.dirname, ".tensorflow");
const target = path.join(folder, "node_modules", "@tensorflow", "tfjs-node");

const [python] = process.argv.slice(2);
if (process.platform !== "linux") {
  give("the recipe is for Linux");
}
const tensorflow = findTensorFlow(python ?? "python3");
const source = findPackage();
const stamp = JSON.stringify([tensorflow, process.version, readVersion(source)]);
const stampFile = path.join(folder, "built.json");
if (!existsSync(stampFile) || readFileSync(stampFile, "utf8") !== stamp) {
  build();
  writeFileSync(stampFile, stamp);
}
process.stdout.write(`${folder}\n`);

function build() {
  const nodeGyp = findNodeGyp();
  const headers = findHeaders();
  for (const tool of ["g++", "make"]) {
    if (run(tool, ["--version"]).status !== 0) {
      give(`${tool} is not there`);
    }
  }
  rmSync(folder, { recursive: true, force: true });
  const libraries = path.join(target, "deps", "lib");
  cpSync(source, target, { recursive: true });
  mkdirSync(libraries, { recursive: true });
  symlinkSync(path.join(tensorflow, "include"), path.join(target, "deps", "include"));
  // The binding is linked with the names of the C library; at run time the names inside of the files count.
  for (const [name, file] of [
    ["libtensorflow.so", "libtensorflow_cc.so.2"],
    ["libtensorflow_cc.so.2", "libtensorflow_cc.so.2"],
    ["libtensorflow_framework.so", "libtensorflow_framework.so.2"],
    ["libtensorflow_framework.so.2", "libtensorflow_framework.so.2"],
  ]) {
    symlinkSync(path.join(tensorflow, file), path.join(libraries, name));
  }
  const version = Math.min(8, Number(process.versions.napi));
  const built = run(
    process.execPath,
    [
      nodeGyp,
      "rebuild",
      `--nodedir=${headers}`,
      "--module_name=tfjs_binding",
      `--module_path=${path.join(target, "lib", `napi-v${version}`)}`,
      `--napi_build_version=${version}`,
    ],
    target,
  );
  if (built.status !== 0) {
    process.stderr.write(built.stderr.slice(-4000));
    process.exit(1);
  }
}

function findTensorFlow(interpreter) {
  const script =
    'import importlib.util as u; s = u.find_spec("tensorflow"); print(s.submodule_search_locations[0] if s else "")';
  const { status, stdout } = run(interpreter, ["-c", script]);
  const found = status === 0 ? stdout.trim() : "";
  if (
    !["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"].every((file) =>
      existsSync(path.join(found, file)),
    )
  ) {
    give(`${interpreter} has no tensorflow-cpu`);
  }
  return found;
}

function findPackage() {
  try {
    const manifest = createRequire(import.meta.url).resolve("@tensorflow/tfjs-node/package.json");
    return path.dirname(manifest);
  } catch {
    return give("@tensorflow/tfjs-node is not installed (npm ci)");
  }
}

function readVersion(place) {
  return JSON.parse(readFileSync(path.join(place, "package.json"), "utf8")).version;
}

/** npm brings it. */
function findNodeGyp() {
  const roots = run("npm", ["root", "--global"]).stdout.trim();
  const file = path.join(roots, "npm", "node_modules", "node-gyp", "bin", "node-gyp.js");
  return existsSync(file) ? file : give("npm brings no node-gyp");
}

/** Headers of the running Node: beside it, or from the npm package of the same version. */
function findHeaders() {
  const own = path.resolve(path.dirname(process.execPath), "..");
  if (existsSync(path.join(own, "include", "node", "node_api.h"))) {
    return own;
  }
  const name = `node-${process.platform}-${process.arch}`;
  const place = path.join(import.meta.dirname, ".node-headers");
  mkdirSync(place, { recursive: true });
  run("npm", [
    "install",
    "--no-save",
    "--ignore-scripts",
    "--prefix",
    place,
    `${name}@${process.versions.node}`,
  ]);
  const packaged = path.join(place, "node_modules", name);
  return existsSync(path.join(packaged, "include", "node", "node_api.h"))
    ? packaged
    : give("there are no headers of Node");
}

function run(program, parameters, cwd) {
  return spawnSync(program, parameters, { encoding: "utf8", cwd, maxBuffer: 1 << 26 });
}

function give(reason) {
  process.stderr.write(`${reason}\n`);
  process.exit(missing);
}
