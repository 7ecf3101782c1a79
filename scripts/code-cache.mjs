/**
 * node scripts/code-cache.mjs PROGRAM.code.js [ARGUMENTS]
 *
 * Runs a built program and, when it ends, writes what V8 has compiled of it beside it (PROGRAM.code.cache), for
 * `src/launch.ts`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire, Module } from "node:module";
import path from "node:path";
import { Script } from "node:vm";

const filename = path.resolve(process.argv[2]);
process.argv.splice(1, 2, filename);
const source = Module.wrap(readFileSync(filename, "latin1"));
// Programs are read as one byte a character; esbuild escapes all others but in regular expressions.
const [beyond] = /.{0,40}[\x80-\xff]+/.exec(source) ?? [];
if (beyond !== undefined) {
  throw new Error(`${filename} has characters that are not ASCII: ${beyond}`);
}
const script = new Script(source, { filename });
process.once("exit", () => {
  const cachedData = script.createCachedData();
  if (new Script(source, { filename, cachedData }).cachedDataRejected) {
    throw new Error(`V8 does not take its own cache of ${filename}.`);
  }
  writeFileSync(filename.replace(/\.js$/, ".cache"), cachedData);
});
const module = { exports: {} };
const { exports } = module;
script
  .runInThisContext()
  .call(exports, exports, createRequire(filename), module, filename, path.dirname(filename));
