import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useCli } from "../support/programs.ts";

interface Told {
  readonly profile?: {
    readonly seconds: number;
    readonly processes: readonly {
      readonly stages: Readonly<
        Record<string, { readonly seconds: number; readonly count: number }>
      >;
    }[];
    readonly operators: readonly {
      readonly operator: string;
      readonly seconds: number;
      readonly count: number;
    }[];
  };
}

const cli = useCli("iris", "digits");

function tracin(sample: "iris" | "digits", ...args: readonly string[]): string {
  const command = [cli.program, ...args, "--quiet", "--root", cli.root(sample)];
  const done = spawnSync(process.execPath, command, { encoding: "utf8" });
  expect(done.stderr).toBe("");
  expect(done.status).toBe(0);
  return done.stdout;
}

const seconds = (told: Told, stage: string) =>
  told.profile?.processes[0]?.stages[stage]?.seconds ?? Number.NaN;

describe("--profile", () => {
  it("says for explain where the time of every stage and operator went", () => {
    const told = JSON.parse(tracin("iris", "explain", "test:3", "--profile", "--json")) as Told;
    const [own, ...helpers] = told.profile?.processes ?? [];
    expect(helpers).toEqual([]);
    for (const stage of ["opening", "queries", "scoring", "decoding", "engine", "ranking"]) {
      expect(seconds(told, stage), stage).toBeGreaterThan(0);
    }
    expect(seconds(told, "writing")).toBeGreaterThan(0);
    // The next weights are read while the engine runs, so these two groups overlap.
    for (const inside of [["checkpoints"], ["engine", "collecting"]]) {
      const parts = inside.reduce((total, stage) => total + seconds(told, stage), 0);
      expect(parts, inside.join()).toBeGreaterThan(0);
      expect(parts, inside.join()).toBeLessThanOrEqual(seconds(told, "scoring"));
    }
    const all = ["opening", "scoring", "ranking"].reduce(
      (total, stage) => total + seconds(told, stage),
      0,
    );
    expect(all).toBeLessThanOrEqual(told.profile?.seconds ?? 0);
    const operators = told.profile?.operators ?? [];
    const inEngine = operators.reduce((total, operator) => total + operator.seconds, 0);
    expect(inEngine).toBeGreaterThan(0);
    // The library counts in whole microseconds.
    expect(inEngine).toBeLessThanOrEqual(seconds(told, "engine") + 1e-3);
    // One dense layer's product for each run of the graph, at least.
    const runs = own?.stages["engine"]?.count ?? Number.NaN;
    const products = operators.filter(({ operator }) => /Gemm|MatMul/.test(operator));
    expect(products.reduce((total, { count }) => total + count, 0)).toBeGreaterThanOrEqual(runs);
  });

  it("is no part of the answer unless it is asked for", () => {
    const told = JSON.parse(tracin("iris", "suspects", "--json")) as Told;
    expect(told.profile).toBeUndefined();
    expect(tracin("iris", "suspects")).not.toContain("operator");
  });

  it("is printed for suspects", () => {
    const out = tracin("iris", "suspects", "--profile");
    expect(out).toMatch(/Where [\d.]+ s went/);
    expect(out).toMatch(/ {2}decoding examples .* \d+\.\d{3}/);
    expect(out).toMatch(/operator, all processes +seconds +share +runs/);
    expect(out).toMatch(/\w+ +\d\.\d{3} +\d+\.\d% +\d+/);
  });

  it("has the helpers' time too, and leaves the scores as they are", () => {
    const queries = ["scores", "--queries", "test:0-1", "--processes", "2", "--json"];
    const out = join(cli.root("digits"), "scores.npy");
    const told = JSON.parse(tracin("digits", ...queries, "--out", out, "--profile")) as Told & {
      processes: number;
    };
    const processes = told.profile?.processes ?? [];
    expect(processes).toHaveLength(told.processes);
    for (const { stages } of processes) {
      expect(stages["engine"]?.seconds).toBeGreaterThan(0);
      expect(stages["opening"]?.seconds).toBeGreaterThan(0);
    }
    const conv = told.profile?.operators.find(({ operator }) => operator === "Conv");
    expect(conv?.seconds).toBeGreaterThan(0);
  });

  it("says what building an index and asking it take, by stage and operator", () => {
    const built = JSON.parse(tracin("digits", "index", "--profile", "--json")) as Told;
    for (const stage of ["building", "hashing", "decoding", "checkpoints", "engine", "writing"]) {
      expect(seconds(built, stage), stage).toBeGreaterThan(0);
    }
    expect(seconds(built, "engine")).toBeLessThanOrEqual(seconds(built, "building"));
    expect(built.profile?.operators.some(({ operator }) => operator === "Conv")).toBe(true);
    const question = ["explain", "test:3", "--processes", "1", "--profile", "--json"];
    const told = JSON.parse(tracin("digits", ...question)) as Told;
    for (const stage of ["queries", "passing", "reading", "scoring", "decoding", "writing"]) {
      expect(seconds(told, stage), stage).toBeGreaterThan(0);
    }
    expect(seconds(told, "engine")).toBeLessThanOrEqual(
      seconds(told, "passing") + seconds(told, "scoring"),
    );
    // The product of what is stored with the query's sketch.
    const products = told.profile?.operators.find(({ operator }) => operator === "MatMul");
    expect(products?.seconds).toBeGreaterThan(0);
  });

  it("tells of operators with the other engines", () => {
    const out = join(cli.root("iris"), "reference.npy");
    const args = ["self-influence", "--engine", "reference", "--out", out, "--profile", "--json"];
    const told = JSON.parse(tracin("iris", ...args)) as Told;
    expect(told.profile?.operators.length).toBeGreaterThan(3);
  });
});
