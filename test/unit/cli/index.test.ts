import { spawnSync } from "node:child_process";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useCli } from "../support/programs.ts";

const cli = useCli("spam", "iris");

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
    // All of them are in the random sample.
    expect(asked.stdout).toMatch(
      /from the index \(sketches, 2048 x float32\): all scores .* computed exactly \(on 600 random/,
    );

    const train = join(cli.root("spam"), "train.jsonl");
    const [first = ""] = (await readFile(train, "utf8")).split("\n");
    await appendFile(train, `${first}\n`);
    expect(tracin("index", "--status").stdout).toContain("train.jsonl changed");
    const unasked = tracin("explain", "test:3", "--quiet");
    expect(unasked.stderr + unasked.stdout).toMatch(
      /The gradient index was not asked: .*train\.jsonl changed\. To bring it up to date: tracin index/,
    );
    // The last block has another row. What the options leave open is as in the present index.
    expect(tracin("index").stdout).toContain("6 of 30 shards computed");
    expect(tracin("index", "--status").stdout).toContain("It answers questions as they are now.");
  });

  it("keeps what the present index keeps, unless options say something else", () => {
    const kept = (...options: readonly string[]) =>
      JSON.parse(tracin("index", "--json", "--quiet", ...options).stdout) as {
        readonly settings: object;
        readonly computed: number;
      };
    const small = { type: "sketch", size: 64, numbers: "int8", seed: 3 };
    const built = kept("--sketch", "64", "--type", "int8", "--seed", "3", "--shard-rows", "100");
    expect(built).toMatchObject({ settings: small, computed: 42 });
    expect(kept()).toMatchObject({ settings: small, computed: 0 });
    expect(kept("--type", "float16")).toMatchObject({ settings: { ...small, numbers: "float16" } });
    expect(kept("--exact")).toMatchObject({ settings: { type: "factors" } });
    expect(kept()).toMatchObject({ settings: { type: "factors" }, computed: 0 });
    expect(kept("--type", "int8")).toMatchObject({
      settings: { type: "sketch", size: 2048, numbers: "int8", seed: 1 },
    });
  });

  it("says what stands in the way of its folder", async () => {
    const root = cli.root("iris");
    await writeFile(join(root, ".tracin"), "");
    const { stderr, status } = spawnSync(
      process.execPath,
      [cli.program, "index", "--root", root, "--quiet"],
      { encoding: "utf8" },
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(/The folder \.tracin cannot be written: EEXIST|ENOTDIR/);
    expect(stderr).not.toContain("fault of tracin");
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
