// Builds every bundle of the project into dist/. `--watch` builds again on changes, `--bench` adds the
// programs of the bench, `--production` minifies, `--programs FOLDER` builds only the CLI and the compute
// processes, into that folder (for tests).
import { execFile } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { context } from "esbuild";

const { values } = parseArgs({
  options: {
    watch: { type: "boolean", default: false },
    bench: { type: "boolean", default: false },
    production: { type: "boolean", default: false },
    programs: { type: "string" },
  },
});
const { watch, production } = values;
const output = values.programs ?? "dist";

/** Packages with native parts; they stay in node_modules. */
const native = ["onnxruntime-node", "onnxruntime-web", "@duckdb/node-api"];

const bundleUrl = 'const bundleUrl = require("node:url").pathToFileURL(__filename).href;';

/** The HDF5 library is large and rarely needed: it stays a module of its own, loaded with the first such file. */
const hdf5Module = "node_modules/h5wasm/dist/esm/hdf5_util.js";
const hdf5Apart = {
  name: "hdf5-apart",
  setup(build) {
    build.onResolve({ filter: /\/h5wasm\/dist\/esm\/hdf5_util\.js$/ }, () => ({
      path: "./hdf5.mjs",
      external: true,
    }));
  },
};

const common = {
  bundle: true,
  minify: production,
  sourcemap: production ? false : "linked",
  legalComments: "linked",
  logLevel: "warning",
};

const node = {
  ...common,
  platform: "node",
  format: "cjs",
  target: "node20",
  external: [...native, "vscode"],
  // `import()` of a package becomes `require`: Node's loader of ES modules takes 20 ms longer.
  supported: { "dynamic-import": false },
  // jsonc-parser's CommonJS form (UMD) cannot be bundled.
  alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
  plugins: [hdf5Apart],
  // ES modules that ask for their own address get that of the bundle.
  define: { "import.meta.url": "bundleUrl" },
  banner: { js: bundleUrl },
};

/** A program is two files: its code, and the launcher that starts it from V8's code cache. */
function program(entry, outfile, first = "") {
  return [
    { ...node, entryPoints: [entry], outfile: outfile.replace(/\.js$/, ".code.js") },
    { ...node, entryPoints: ["src/launch.ts"], outfile, banner: { js: first } },
  ];
}

const bundles = [
  ...program("src/compute/main.ts", `${output}/compute.js`),
  ...program("src/compute/shard.ts", `${output}/shard.js`),
  ...program("src/cli/main.ts", `${output}/cli.js`, "#!/usr/bin/env node"),
];

if (values.programs === undefined) {
  bundles.push(
    { ...node, entryPoints: ["src/extension.ts"], outfile: "dist/extension.js" },
    {
      ...common,
      platform: "browser",
      format: "iife",
      target: "es2022",
      entryPoints: ["webview/main.ts"],
      outfile: "dist/webview/main.js",
    },
  );
}

if (values.bench) {
  const entryPoints = ["bench", "editor", "index-pass"].map((name) => `test/bench/${name}.ts`);
  bundles.push({ ...node, entryPoints, outdir: "dist/bench" });
  bundles.push(...program("test/bench/score.ts", "dist/bench/score.js"));
}

for (const folder of values.bench ? [output, "dist/bench"] : [output]) {
  await mkdir(folder, { recursive: true });
  await copyFile(hdf5Module, `${folder}/hdf5.mjs`);
  await copyFile("node_modules/h5wasm/LICENSE.txt", `${folder}/hdf5.mjs.LEGAL.txt`);
}

const contexts = await Promise.all(bundles.map((options) => context(options)));
if (watch) {
  await Promise.all(contexts.map((build) => build.watch()));
} else {
  await Promise.all(contexts.map((build) => build.rebuild()));
  await Promise.all(contexts.map((build) => build.dispose()));
  await chmod(`${output}/cli.js`, 0o755);
  if (values.programs === undefined) {
    await writeCodeCaches();
  }
}

/**
 * Runs every program once, on a question where it takes one, so that the cache has what a question needs. A program that
 * cannot run here (its engine has no binary) starts without a cache.
 */
async function writeCodeCaches() {
  const folder = await mkdtemp(join(tmpdir(), "tracin-build-"));
  const scores = ["scores", "--root", "samples/iris", "--queries", "test:0", "--out"];
  const runs = [
    [`${output}/compute.code.js`],
    [`${output}/shard.code.js`, "onnxruntime"],
    [`${output}/cli.code.js`, ...scores, join(folder, "scores.npy")],
    ...(values.bench ? [["dist/bench/score.code.js", "samples/digits", "test", "10"]] : []),
  ];
  try {
    for (const run of runs) {
      const args = ["scripts/code-cache.mjs", ...run];
      await promisify(execFile)(process.execPath, args).catch(() => undefined);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
