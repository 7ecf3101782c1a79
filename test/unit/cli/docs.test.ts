import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { expect, it } from "vitest";
import { explainCommand, suspectsCommand } from "../../../src/cli/ask.ts";
import { scoresCommand, selfInfluenceCommand } from "../../../src/cli/export.ts";
import { indexCommand } from "../../../src/cli/gradient-index.ts";
import { inspectCommand } from "../../../src/cli/inspect.ts";

it("names every command and option in docs/cli.md", async () => {
  const text = await readFile("docs/cli.md", "utf8");
  const program = new Command();
  const context = {
    out: process.stdout,
    err: process.stderr,
    signal: new AbortController().signal,
    programs: "",
    started: 0,
  };
  for (const add of [
    explainCommand,
    suspectsCommand,
    inspectCommand,
    indexCommand,
    scoresCommand,
    selfInfluenceCommand,
  ]) {
    add(program, context);
  }
  expect(program.commands).toHaveLength(6);
  for (const command of program.commands) {
    expect(text).toContain(`\`${command.name()}`);
    for (const option of command.options) {
      expect(text).toContain(option.long);
    }
  }
});
