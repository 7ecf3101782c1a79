import path from "node:path";
import { defineConfig } from "vitest/config";

/** The bench of the packaged extension in a real VS Code; `npm run bench:editor` runs it. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.bench.ts"],
    reporters: ["default", path.join(import.meta.dirname, "..", "support", "summary.ts")],
    fileParallelism: false,
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 500_000,
    hookTimeout: 180_000,
  },
});
