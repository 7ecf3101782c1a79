/**
 * Starts the program beside this file, `NAME.code.js` for `NAME.js`. What V8 compiled of it when it was built lies in
 * `NAME.code.cache`; another V8 does not take that and compiles anew.
 */
import { readFileSync } from "node:fs";
import { wrap } from "node:module";
import { Script } from "node:vm";

const stem = __filename.replace(/\.js$/, ".code");
const filename = `${stem}.js`;

function cachedData(): Buffer | undefined {
  try {
    return readFileSync(`${stem}.cache`);
  } catch {
    return undefined;
  }
}

// Outside of comments the bundles are ASCII.
const script = new Script(wrap(readFileSync(filename, "latin1")), {
  filename,
  cachedData: cachedData(),
});
script.runInThisContext().call(exports, exports, require, module, filename, __dirname);
