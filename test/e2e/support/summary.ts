import type { Reporter, TestCase } from "vitest/node";

/** Ends the output with one line that says what a person wants to know. */
export default class Summary implements Reporter {
  private passed = 0;
  private failed = 0;

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result();
    this.passed += state === "passed" ? 1 : 0;
    this.failed += state === "failed" ? 1 : 0;
  }

  onTestRunEnd(modules: readonly unknown[], errors: readonly unknown[]): void {
    const broken = modules.length === 0 ? 1 : errors.length;
    process.stdout.write(`\n${this.passed} passed, ${this.failed + broken} failed\n`);
  }
}
