import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  checkEngine,
  chooseEngine,
  createEngine,
  engineSettings,
  likelyEngine,
} from "../../../src/core/engines/choose.ts";
import type { Engine, EngineName } from "../../../src/core/engines/engine.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import { tensorflowNodeEngine } from "../../../src/core/engines/tensorflow/load.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { float32 } from "../../../src/core/graph/tensor.ts";

/** Engines of which only some run; the others have reasons. */
function only(...running: EngineName[]): (name: EngineName) => Engine {
  return (name) => ({
    name,
    compile: (graph) =>
      running.includes(name)
        ? referenceEngine().compile(graph)
        : Promise.reject(new TracInError("engine", `No ${name}.`, {}, `Install ${name}.`)),
  });
}

describe("the choice of the engine", () => {
  it("takes the first that runs, and says why", async () => {
    const first = await chooseEngine("auto", only("onnxruntime", "tensorflow"));
    expect(first).toMatchObject({ engine: { name: "onnxruntime" }, isFallback: false });
    expect(first.reason).toMatch(/^Engine: onnxruntime\. .*fastest in the bench/);

    const second = await chooseEngine("auto", only("tensorflow", "onnxruntime-web"));
    expect(second).toMatchObject({ engine: { name: "tensorflow" }, isFallback: true });
    expect(second.reason).toBe("Engine: tensorflow. No onnxruntime.");

    const third = await chooseEngine("onnxruntime", only("tensorflow", "onnxruntime-web"));
    expect(third.engine.name).toBe("onnxruntime-web");
  });

  it("does not replace an engine that was asked for by a quite different one", async () => {
    const choice = chooseEngine("tensorflow", only("onnxruntime"));
    await expect(choice).rejects.toMatchObject({
      kind: "engine",
      message: "No tensorflow.",
      remedy: "Install tensorflow.",
    });
  });

  it("tells every reason where nothing runs", async () => {
    await expect(chooseEngine("auto", only())).rejects.toMatchObject({
      kind: "engine",
      message: "No engine runs on this machine. No onnxruntime. No tensorflow. No onnxruntime-web.",
      remedy: "Install onnxruntime.",
    });
  });

  it("is decided by a product, not by presence", async () => {
    const wrong: Engine = {
      name: "tensorflow",
      compile: async (graph) => ({
        run: async () =>
          new Map(graph.outputs.map(({ name }) => [name, float32([2, 2], [7, 10, 15, 23])])),
        dispose: async () => undefined,
      }),
    };
    await expect(checkEngine(wrong)).rejects.toThrow(/tensorflow computes wrong numbers: 7, 10/);
    const create = (name: EngineName) => (name === "tensorflow" ? wrong : only()(name));
    await expect(chooseEngine("auto", create)).rejects.toThrow(/wrong numbers/);
  });

  it("has an engine for every setting on this platform, but for TensorFlow", async () => {
    for (const setting of engineSettings.filter((each) => each !== "tensorflow")) {
      const { engine } = await chooseEngine(setting, (name) => createEngine(name));
      expect(engine.name).toBe(setting === "auto" ? "onnxruntime" : setting);
      expect(engine.name).toBe(likelyEngine(setting));
    }
  });
});

describe("loading TensorFlow", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tracin-tensorflow-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** A package in place of `@tensorflow/tfjs-node`. */
  async function install(name: string, code: string): Promise<string> {
    const root = join(folder, name);
    const place = join(root, "node_modules", "@tensorflow", "tfjs-node");
    await mkdir(place, { recursive: true });
    await writeFile(join(place, "index.js"), code);
    return root;
  }

  it.each([
    ["empty", "", /its backend|is not a function/],
    [
      "throws",
      'throw new Error("libtensorflow.so.2: cannot open shared object file\\nmore")',
      /cannot open shared object file$/,
    ],
    [
      "unbuilt",
      'throw new Error("The Node.js native addon module (tfjs_binding.node) can not be found at path: x")',
      /without its native library \(its install script did not run\)/,
    ],
    ["other", 'exports.getBackend = () => "cpu"', /its backend is cpu, not the native library/],
  ])("a package that is %s is refused with its reason", async (name, code, reason) => {
    const error: unknown = await checkEngine(tensorflowNodeEngine(await install(name, code))).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(TracInError);
    expect(error).toMatchObject({ kind: "engine", message: expect.stringMatching(reason) });
    expect(error).toMatchObject({ remedy: expect.stringContaining("Install TensorFlow Engine") });
  });

  it("a package that is not there is named", async () => {
    const engine = tensorflowNodeEngine(join(folder, "nothing"));
    await expect(checkEngine(engine)).rejects.toThrow(/nothing.*tfjs-node is not installed/);
  });

  it("finds functions of node:util that newer Node lacks", async () => {
    const root = await install(
      "shimmed",
      'const util = require("node:util"); exports.getBackend = () => util.isNullOrUndefined(undefined) && util.isArray([]) ? "shims" : "none";',
    );
    await expect(checkEngine(tensorflowNodeEngine(root))).rejects.toThrow(/its backend is shims/);
  });
});

it("the engine of onnxruntime computes the same in WebAssembly", async () => {
  await checkEngine(createEngine("onnxruntime-web"));
  await checkEngine(onnxruntimeEngine());
});
