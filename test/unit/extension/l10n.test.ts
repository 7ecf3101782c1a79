import path from "node:path";
import { expect, it } from "vitest";
import { hostTexts } from "../../../scripts/l10n.mjs";

const ROOT = path.resolve(import.meta.dirname, "../../..");

it("every text of the extension host can be collected for translators", async () => {
  const texts = Object.keys(await hostTexts(ROOT));
  expect(texts).toContain("TracIn could not start: {0}");
  expect(texts.length).toBeGreaterThan(100);
});
