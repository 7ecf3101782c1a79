import { spawnSync } from "node:child_process";
import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useCli } from "../support/programs.ts";

const cli = useCli("spam");

function tracin(...args: readonly string[]) {
  const command = [cli.program, ...args, "--root", cli.root("spam")];
  const { stdout, stderr, status } = spawnSync(process.execPath, command, { encoding: "utf8" });
  return { stdout, stderr, status };
}

describe("tracin index", () => {
  it("is built, asked, out of date after an edit, and brought up to date", async () => {
    expect(tracin("index", "--status").stdout).toBe(
      "There is no index. Build one with: tracin index\n",
    );
    const built = tracin("index", "--shard-rows", "128");
    expect(built.stderr).toContain("Building the gradient index: 100%");
    // 5 blocks at 6 checkpoints.
    expect(built.stdout).toContain("30 of 30 shards computed");
    expect(tracin("index", "--status").stdout).toContain("It answers questions as they are now.");

    const asked = tracin("explain", "test:3");
    expect(asked.stderr).toContain("Computing the best scores exactly: 100%");
    expect(asked.stdout).toMatch(
      /from the index \(sketches, 2048 x float32\): the 200 best .* exact/,
    );

    const train = join(cli.root("spam"), "train.jsonl");
    const [first = ""] = (await readFile(train, "utf8")).split("\n");
    await appendFile(train, `${first}\n`);
    expect(tracin("index", "--status").stdout).toContain("train.jsonl changed");
    const unasked = tracin("explain", "test:3", "--quiet");
    expect(unasked.stderr + unasked.stdout).toMatch(
      /The gradient index was not asked: .*train\.jsonl changed\. To bring it up to date: tracin index/,
    );
    // The last block has another row.
    expect(tracin("index", "--shard-rows", "128").stdout).toContain("6 of 30 shards computed");
    expect(tracin("index", "--status").stdout).toContain("It answers questions as they are now.");
  });

  it("refuses options that say two things", () => {
    for (const option of [
      ["--sketch", "64"],
      ["--type", "int8"],
      ["--seed", "2"],
    ]) {
      const { stderr, status } = tracin("index", "--exact", ...option);
      expect(status).toBe(2);
      expect(stderr).toContain(`option '--exact' cannot be used with option '${option[0]}`);
    }
  });
});
