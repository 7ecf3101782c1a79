import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listRuns } from "../../../src/core/store/runs.ts";
import { copySample } from "../sample.ts";
import { buildPrograms, type Programs } from "../support/programs.ts";

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

let programs: Programs;
let folder: string;
let iris: string;

beforeAll(async () => {
  programs = await buildPrograms();
  folder = await mkdtemp(join(tmpdir(), "tracin-cli-"));
  iris = join(folder, "iris");
  await copySample("iris", iris);
});
afterAll(async () => {
  await programs.dispose();
  await rm(folder, { recursive: true, force: true });
});

function tracin(args: readonly string[], options: { cwd?: string; interruptAt?: RegExp } = {}) {
  return new Promise<Outcome>((resolve, reject) => {
    const child = spawn(process.execPath, [programs.cli, ...args], { cwd: options.cwd ?? iris });
    let out = "";
    let err = "";
    child.stdout.on("data", (data) => {
      out += data;
    });
    child.stderr.on("data", (data) => {
      err += data;
      if (options.interruptAt?.test(err)) {
        child.kill("SIGINT");
      }
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, out, err }));
  });
}

/** Shape and values of a float32 .npy file. */
async function readNpy(path: string): Promise<{ shape: number[]; data: Float32Array }> {
  const bytes = await readFile(path);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, start);
  expect(header).toContain("'<f4'");
  const shape = /\(([^)]*)\)/.exec(header)?.[1] ?? "";
  return {
    shape: shape
      .split(",")
      .filter((size) => size.trim() !== "")
      .map(Number),
    data: new Float32Array(new Uint8Array(bytes.subarray(start)).buffer),
  };
}

describe("tracin explain and suspects", () => {
  it("prints the query, ranked lists and places, and saves the run", async () => {
    const { code, out, err } = await tracin(["explain", "test:3", "--top", "4"]);
    expect(err).toMatch(/Scoring the training examples: 100%/);
    expect(code).toBe(0);
    expect(out).toMatch(/test:3 {2}test\.csv:5/);
    expect(out).toMatch(/prediction {2}\w+ \(/);
    expect(out).toMatch(/Proponents[\s\S]*\+[\d.]+[\s\S]*train\.csv:\d+/);
    expect(out).toMatch(/Opponents[\s\S]*-[\d.]+/);
    expect(out).toMatch(/Suspects/);
    expect(out).toMatch(
      /\d+ examples · \d+ checkpoints · all layers · onnxruntime · 1 process · [\d.]+ s/,
    );
    const id = /Run written to \.tracin\/runs\/(\S+)/.exec(out)?.[1];
    const runs = await listRuns(iris);
    expect(runs.map((run) => run.ok && run.record.id)).toContain(id);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are for terminals
    expect(out + err).not.toMatch(/\u001B/);
  });

  it("prints JSON that agrees with the training data", async () => {
    const { code, out, err } = await tracin([
      "explain",
      "test:0-1",
      "--json",
      "--quiet",
      "--label",
      "prediction",
    ]);
    expect([code, err]).toEqual([0, ""]);
    const answer = JSON.parse(out);
    expect(answer.queries.map(({ index }: { index: number }) => index)).toEqual([0, 1]);
    const lines = (await readFile(join(iris, "train.csv"), "utf8")).trimEnd().split(/\r?\n/);
    for (const { proponents, opponents } of answer.queries) {
      expect(proponents).toHaveLength(10);
      for (const row of [...proponents, ...opponents]) {
        expect(row.file).toBe("train.csv");
        expect(row.line).toBe(row.index + 2);
        expect(lines[row.line - 1]).toContain(row.target);
        const sum = row.parts.reduce((total: number, part: number) => total + part, 0);
        // The parts are float32; their sum is rounded once.
        expect(sum).toBeCloseTo(row.score, 5);
      }
      const scores = proponents.map(({ score }: { score: number }) => score);
      expect(scores).toEqual(scores.toSorted((a: number, b: number) => b - a));
      expect(Math.min(...scores)).toBeGreaterThan(0);
    }
  });

  it("explains a row that is in no dataset as the same row of the test data", async () => {
    const row =
      '{"sepal_length": 6.0, "sepal_width": 3.4, "petal_length": 4.5, "petal_width": 1.6}';
    const both = await tracin(["explain", "test:0", "--row", row, "--label", "0", "--json"]);
    expect(both.code).toBe(0);
    const [stored, given] = JSON.parse(both.out).queries;
    expect(given.proponents).toEqual(stored.proponents);
    expect(given.opponents).toEqual(stored.opponents);
    const { code, out } = await tracin(["explain", "--row", row, "--quiet"]);
    expect(code).toBe(0);
    expect(out).toMatch(/new row {2}\.tracin\/runs\/\S+\/query-0\.json/);
    expect(out).not.toMatch(/^ {2}target /m);
    const none = await tracin(["explain"]);
    expect([none.code, none.err]).toEqual([2, expect.stringMatching(/--text, --image or --row/)]);
    const text = await tracin(["explain", "--text", "free money", "--quiet"]);
    expect(text.code).toBe(1);
    expect(text.err).toMatch(/No model input is made of a text here/);
  });

  it("shows what argues for and against the labels of suspects", async () => {
    const asked = ["suspects", "--top", "2", "--neighbours", "3", "--quiet"];
    const { suspects } = JSON.parse((await tracin([...asked, "--json"])).out);
    for (const { index, neighbours } of suspects.rows) {
      const { for: up, against } = neighbours;
      expect([up.length, against.length]).toEqual([3, 3]);
      for (const other of [...up, ...against]) {
        expect(other).toMatchObject({ file: "train.csv", line: other.index + 2 });
        expect(other.index).not.toBe(index);
        expect(other.score > 0).toBe(up.includes(other));
      }
    }
    expect((await tracin(asked)).out).toMatch(/target \w+\n[\s\S]*for +\+[\s\S]*against +-/);
  });

  it("ranks suspects by any of its numbers, by margin unless told", async () => {
    const first = await tracin(["suspects", "--top", "3", "--quiet"]);
    expect(first.out).toMatch(
      /Suspects \(labels to look at first, by margin\)\s+margin +mean loss/,
    );
    for (const order of ["selfInfluence", "loss", "margin", "combined"] as const) {
      const { code, out } = await tracin([
        "suspects",
        "--order",
        order,
        "--top",
        "7",
        "--json",
        "--quiet",
      ]);
      expect(code).toBe(0);
      const { suspects } = JSON.parse(out);
      const values = suspects.rows.map((row: Record<typeof order, number>) => row[order]);
      expect(values).toHaveLength(7);
      const way = order === "margin" || order === "combined" ? -1 : 1;
      expect(values).toEqual(values.toSorted((a: number, b: number) => way * (b - a)));
    }
  });
});

describe("tracin explain --set", () => {
  it("prints accuracy, confusion matrix, the largest losses and what hurts and helps", async () => {
    const { code, out, err } = await tracin(["explain", "--set", "test", "--top", "3", "--quiet"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/test, all examples {2}test\.csv, 30 of 30 examples/);
    expect(out).toMatch(/right +\d+ of 30 \([\d.]+%( → [\d.]+%)*\)/);
    expect(out).toMatch(/target \\ predicted +setosa +versicolor +virginica/);
    expect(out).toMatch(/Largest losses[\s\S]*test\.csv:\d+/);
    expect(out).toMatch(/Opponents[^\n]*30 examples[\s\S]*-[\d.]+[\s\S]*train\.csv:\d+/);
    expect(out).toMatch(/Proponents[\s\S]*\+[\d.]+/);
  });

  it("prints JSON whose confusion adds up, of a class and of a condition", async () => {
    const wanted = ["--class", "versicolor"];
    const own = await tracin(["explain", "--set", "test", ...wanted, "--json", "--quiet"]);
    expect([own.code, own.err]).toEqual([0, ""]);
    const { testSet, opponents, proponents, run } = JSON.parse(own.out);
    expect(run.kind).toBe("testSet");
    expect(testSet.slice).toEqual({ kind: "labels", target: "versicolor" });
    const { counted, right, confusion } = testSet.outcome;
    const counts: { target: string; predicted: string; count: number }[] = confusion;
    const sum = (some: typeof counts) => some.reduce((total, { count }) => total + count, 0);
    expect(sum(counts)).toBe(counted);
    expect(sum(counts.filter(({ target, predicted }) => target === predicted))).toBe(right.at(-1));
    expect(sum(counts.filter(({ target }) => target === "versicolor"))).toBe(testSet.chosen);
    expect(testSet.worst.every(({ target }: { target: string }) => target === "versicolor")).toBe(
      true,
    );
    expect(opponents.length * proponents.length).toBeGreaterThan(0);
    const where = ["--where", "target = 'versicolor'"];
    const typed = await tracin(["explain", "--set", "test", ...where, "--json", "--quiet"]);
    expect(JSON.parse(typed.out).opponents).toEqual(opponents);
  });

  it("says what is wrong with a question", async () => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [[], 2, /name an example, such as test:0[\s\S]*--set/],
      [["test:0", "--set", "test"], 2, /exclude each other/],
      [["test:0", "--mask", "mask.png"], 2, /--mask is the mask of --image/],
      [["test:0", "--errors"], 2, /narrow --set/],
      [["--set", "test", "--label", "setosa"], 2, /--label is for single examples/],
      [["--set", "tests"], 1, /no dataset "tests"[\s\S]*train, test/],
      [["--set", "test", "--errors", "--where", "loss > 1"], 1, /exclude each other/],
      [["--set", "test", "--where", "losss > 1"], 1, /no column "losss"/],
    ];
    for (const [args, expected, message] of cases) {
      const { code, err } = await tracin(["explain", ...args, "--quiet"]);
      expect([code, err]).toEqual([expected, expect.stringMatching(message)]);
    }
  });
});

describe("tracin inspect", () => {
  it("shows parameters, sites, checkpoints with rates, and data", async () => {
    const { code, out } = await tracin(["inspect", "--quiet"]);
    expect(code).toBe(0);
    for (const text of [
      "weight",
      "factorised",
      "checkpoints",
      "rate",
      "train.csv",
      "test.csv",
      "Loss ",
    ]) {
      expect(out).toContain(text);
    }
    const json = JSON.parse(
      (await tracin(["inspect", "--quiet", "--json", "--layers", "last"])).out,
    );
    const counted = json.model.parameters.filter(
      (parameter: { counted: boolean }) => parameter.counted,
    );
    expect(counted.length).toBeGreaterThan(0);
    expect(counted.length).toBeLessThan(json.model.parameters.length);
  });
});

describe("tracin scores and self-influence", () => {
  it("writes matrices whose checkpoints sum to the whole, and an aggregate that is the sum of its queries", async () => {
    const write = async (name: string, args: readonly string[]) => {
      const path = join(folder, name);
      const { code, err } = await tracin([...args, "--out", path, "--quiet"]);
      expect([code, err]).toEqual([0, ""]);
      return readNpy(path);
    };
    const queries = ["scores", "--queries", "test:0-2,5", "--queries", "test:7"];
    const whole = await write("s.npy", queries);
    const parts = await write("sp.npy", [...queries, "--per-checkpoint"]);
    const sum = await write("sa.npy", [...queries, "--aggregate"]);
    const self = await write("i.npy", ["self-influence"]);
    const selfParts = await write("ip.npy", ["self-influence", "--per-checkpoint"]);
    const [checkpoints = 0, count = 0, examples = 0] = parts.shape;
    expect(whole.shape).toEqual([5, examples]);
    expect(count).toBe(5);
    expect(sum.shape).toEqual([1, examples]);
    expect(self.shape).toEqual([examples]);
    expect(selfParts.shape).toEqual([checkpoints, examples]);
    const scale = Math.max(...whole.data.map(Math.abs));
    const selfScale = Math.max(...self.data);
    for (let example = 0; example < examples; example++) {
      let aggregate = 0;
      for (let query = 0; query < count; query++) {
        const place = query * examples + example;
        let total = 0;
        for (let c = 0; c < checkpoints; c++) {
          total += parts.data[c * count * examples + place] ?? Number.NaN;
        }
        // Both are sums of the same float32 parts in double precision, rounded once to float32.
        expect(Math.abs(total - (whole.data[place] ?? 0))).toBeLessThanOrEqual(1e-7 * scale);
        aggregate += whole.data[place] ?? Number.NaN;
      }
      // The aggregate's gradient is summed in float32 before the product: another order of rounding.
      expect(Math.abs(aggregate - (sum.data[example] ?? 0))).toBeLessThanOrEqual(2e-5 * scale);
      let total = 0;
      for (let c = 0; c < checkpoints; c++) {
        total += selfParts.data[c * examples + example] ?? Number.NaN;
      }
      expect(Math.abs(total - (self.data[example] ?? 0))).toBeLessThanOrEqual(1e-7 * selfScale);
    }
  });
});

describe("what goes wrong", () => {
  it.each([
    ["an unknown command", ["frobnicate"], 2, /unknown command/],
    ["no query", ["explain"], 2, /name an example, such as test:0/],
    ["a query that is none", ["explain", "test"], 2, /DATASET:INDEX/],
    ["a range that runs backwards", ["explain", "test:5-2"], 2, /no example number or range/],
    ["no output file", ["scores", "--queries", "test:0"], 2, /--out/],
    ["an order that is none", ["suspects", "--order", "x"], 2, /Allowed choices/],
    ["a number that is none", ["suspects", "--processes", "many"], 2, /whole number/],
    [
      "a dataset that is not there",
      ["explain", "tset:0"],
      1,
      /no dataset "tset"\. The datasets are: train, test/,
    ],
    [
      "an example that is not there",
      ["explain", "test:0-9999"],
      1,
      /has no example 9999 \(test\.csv\)/,
    ],
    [
      "a label that is none",
      ["explain", "test:0", "--label", "versicolour"],
      1,
      /Did you mean "versicolor"/,
    ],
    ["layers that match nothing", ["suspects", "--layers", "nope*"], 1, /matches no parameter/],
    [
      "no configuration",
      ["suspects", "--config", "none.json"],
      1,
      /no configuration in .* \(none\.json\)/,
    ],
    ["a folder that is not there", ["suspects", "--root", "none"], 1, /does not exist/],
    [
      "a folder that cannot be written",
      ["self-influence", "--out", "none/x.npy"],
      1,
      /cannot be written/,
    ],
  ])("says so: %s", async (_, args, expected, message) => {
    const { code, out, err } = await tracin(
      [...args, "--quiet"].filter((text) => args[0] !== "frobnicate" || text !== "--quiet"),
    );
    expect(err).toMatch(message);
    expect(err).not.toMatch(/^\s+at /m);
    expect([code, out]).toEqual([expected, ""]);
  });

  it("names the line of a broken configuration and of a broken row", async () => {
    const broken = join(folder, "broken");
    await copySample("iris", broken);
    await writeFile(join(broken, "wrong.json"), '{\n  "model": 3\n}\n');
    const config = await tracin(["inspect", "--config", "wrong.json"], { cwd: broken });
    expect(config.err).toMatch(/"model" is 3; expected text.*wrong\.json, line 2/);
    const rows = (await readFile(join(broken, "train.csv"), "utf8")).split("\n");
    rows[6] = (rows[6] ?? "").replace(/^[^,]*/, "wide");
    await writeFile(join(broken, "train.csv"), rows.join("\n"));
    const data = await tracin(["suspects", "--quiet"], { cwd: broken });
    expect(data.err).toMatch(/train\.csv, line 7/);
    expect(data.code).toBe(1);
    expect(await readdir(broken)).not.toContain(".tracin");
  });

  it("ends with 130 on Ctrl-C and leaves nothing behind", async () => {
    const digits = join(folder, "digits");
    await copySample("digits", digits);
    const { code, out, err } = await tracin(["explain", "test:0"], {
      cwd: digits,
      interruptAt: /\d0%/,
    });
    expect(err).toMatch(/cancelled/);
    expect([code, out]).toEqual([130, ""]);
    expect(await readdir(join(digits, ".tracin", "runs"))).toEqual([]);
  });
});
