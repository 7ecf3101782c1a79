import path from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.test.ts"],
    reporters: ["default", path.join(import.meta.dirname, "../e2e/support/summary.ts")],
    testTimeout: 60_000,
  },
});
