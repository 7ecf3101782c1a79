import path from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["tests/**/*.test.ts"],
    globalSetup: [path.join(import.meta.dirname, "support", "sheets.ts")],
    reporters: ["default", path.join(import.meta.dirname, "support", "summary.ts")],
    // One VS Code at a time: two would share the cores and time out.
    fileParallelism: false,
    // A workbench under a software renderer may miss a deadline; what fails twice is broken.
    retry: 1,
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
