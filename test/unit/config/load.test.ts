import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig, parseConfig } from "../../../src/core/config/load.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { resolveInside } from "../../../src/core/paths.ts";

const valid = `{
  // the network
  "model": "model.onnx",
  "checkpoints": { "files": "checkpoints/*.pt", "learningRate": "from-file" },
  "loss": "softmax-cross-entropy",
  "data": {
    "train": { "csv": "train.csv", "target": "label" },
  },
  "features": { "input": { "columns": ["a", "b"] } },
}
`;

function failure(text: string): TracInError {
  try {
    parseConfig(text);
  } catch (error) {
    expect(error).toBeInstanceOf(TracInError);
    return TracInError.from(error);
  }
  throw new Error("The configuration was accepted.");
}

describe("parseConfig", () => {
  it("takes comments, trailing commas and a byte order mark", () => {
    for (const text of [valid, `\uFEFF${valid}`]) {
      const config = parseConfig(text);
      expect(config.model).toBe("model.onnx");
      expect(config.data["train"]).toEqual({ csv: "train.csv", target: "label" });
    }
  });

  it.each([
    ["an empty file", "", 1, /not valid JSON: the file is empty/],
    ["a missing comma", valid.replace('"model.onnx",', '"model.onnx"'), 4, /comma expected/],
    [
      "a missing key",
      valid.replace('"model": "model.onnx",', ""),
      1,
      /"model" is missing; expected text/,
    ],
    ["a wrong type", valid.replace('"model.onnx"', "3"), 3, /"model" is 3; expected text/],
    [
      "a wrong choice",
      valid.replace("softmax-cross-entropy", "softmax"),
      5,
      /"loss" is "softmax"; expected .*"mse"/,
    ],
    ["an absolute path", valid.replace("model.onnx", "/etc/passwd"), 3, /leaves the workspace/],
    ["a drive", valid.replace("model.onnx", "C:/model.onnx"), 3, /leaves the workspace/],
    [
      "a path that climbs out",
      valid.replace("train.csv", "../train.csv"),
      7,
      /leaves the workspace/,
    ],
    [
      "a pattern that climbs out",
      valid.replace("checkpoints/*", "a/../../*"),
      4,
      /leaves the workspace/,
    ],
    ["no training data", valid.replace('"train":', '"test":'), 6, /"data.train" is missing/],
    [
      "a wrong rate",
      valid.replace('"from-file"', '"auto"'),
      4,
      /"checkpoints.learningRate" is "auto"; expected "from-file", a number or a list/,
    ],
    [
      "a list entry",
      valid.replace('["a", "b"]', '["a", 7]'),
      9,
      /"features.input.columns\[1\]" is 7; expected text/,
    ],
  ])("says line and key of %s", (_, text, line, message) => {
    const error = failure(text);
    expect(error.kind).toBe("config");
    expect(error.message).toMatch(message);
    expect(error.place).toEqual({ file: "tracin.json", line });
  });

  it.each([
    ["modle", '"model": "model.onnx"', '"modle": "model.onnx"', 3, "model"],
    ["checkpoints.learningrates", '"learningRate"', '"learningrates"', 4, "learningRate"],
    ["data.train.targets", '"target"', '"targets"', 7, "target"],
    ["features.input.colums", '"columns"', '"colums"', 9, "columns"],
  ])("names the nearest known key for %s", (key, from, to, line, near) => {
    const error = failure(valid.replace(from, to));
    expect(error.message).toContain(`Unknown key "${key}"`);
    expect(error.remedy).toBe(`Did you mean "${near}"?`);
    expect(error.place.line).toBe(line);
  });

  it("keeps hostile keys as plain data", () => {
    const error = failure(valid.replace('"a", "b"]', '"a", "b"], "__proto__": {"polluted": 1}'));
    expect(error.message).toContain('Unknown key "features.input.__proto__"');
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });
});

describe("files", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "tracin-config-")));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("loads a named configuration", async () => {
    await writeFile(join(folder, "tracin.other.json"), valid);
    expect((await loadConfig(folder, "tracin.other.json")).loss).toBe("softmax-cross-entropy");
  });

  it("says that there is none, and what to do", async () => {
    await expect(loadConfig(folder)).rejects.toMatchObject({
      kind: "config",
      place: { file: "tracin.json" },
      remedy: expect.stringContaining("Set Up Workspace"),
    });
  });

  it("follows links before it decides that a path is inside", async () => {
    await mkdir(join(folder, "root"));
    await mkdir(join(folder, "outside"));
    await symlink(join(folder, "outside"), join(folder, "root", "link"), "junction");
    const root = join(folder, "root");
    await expect(resolveInside(root, "link/secret.csv")).rejects.toThrow(/leaves the workspace/);
    await expect(resolveInside(root, "..")).rejects.toThrow(/leaves the workspace/);
    await expect(resolveInside(root, "a/../../outside")).rejects.toThrow(/leaves the workspace/);
    expect(await resolveInside(root, "new/..file.csv")).toBe(join(root, "new", "..file.csv"));
    expect(await resolveInside(root, ".")).toBe(root);
  });

  it("accepts the samples' own configurations", async () => {
    for (const file of ["tracin.json", "tracin.mlp.json"]) {
      const text = await readFile(join("samples", "digits", file), "utf8");
      expect(parseConfig(text, file).data["train"]).toBeDefined();
    }
  });
});
