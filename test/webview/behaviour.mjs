// What a person does in the panel, in a real browser: node test/webview/behaviour.mjs [part of a test's name]
import { readdir } from "node:fs/promises";
import { report } from "./behaviour/support.mjs";
import { startPanel } from "./browser.mjs";

const [wanted = ""] = process.argv.slice(2);
const tests = [];
for (const file of (await readdir(new URL("behaviour/", import.meta.url))).sort()) {
  if (file !== "support.mjs") {
    const { default: group } = await import(`./behaviour/${file}`);
    tests.push(...Object.entries(group).filter(([name]) => name.includes(wanted)));
  }
}

const panel = await startPanel();
let failures = 0;
try {
  for (const [name, test] of tests) {
    const page = await panel.open(320, 700);
    page.setDefaultTimeout(8000);
    try {
      await test(page);
      process.stdout.write(`ok   ${name}\n`);
    } catch (error) {
      failures++;
      process.stdout.write(`FAIL ${name}\n${error.stack}\n`);
    }
    await page.close();
  }
} finally {
  await panel.close();
}
process.stdout.write(`${report.join("\n")}\nbundle: ${Math.round(panel.bytes / 1024)} kB\n`);
process.exitCode = failures > 0 ? 1 : 0;
