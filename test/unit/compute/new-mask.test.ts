import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createService } from "../../../src/compute/service.ts";
import { computeSettings } from "../../../src/compute/settings.ts";
import { encodePng } from "../../../src/core/datasets/images/encode-png.ts";
import type { ExplainedLabel, RunSummary } from "../../../src/protocol/runs.ts";

const context = { signal: new AbortController().signal, report: () => undefined };
const service = createService(computeSettings({ processes: 1 }));
const golden = join(import.meta.dirname, "../golden/tracin/loss-pixels");
const size = 6;
const ignored = 255;
let root: string;

function png(seed: number, value: (at: number) => number): Uint8Array {
  const data = Uint8Array.from({ length: size * size }, (_, at) =>
    value((at * 7 + seed * 13) % 97),
  );
  return encodePng({ width: size, height: size, channels: 1, data });
}

/** The convolutional model of a golden, with images and masks in folders; the test mask counts everywhere. */
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "tracin-masks-"));
  for (const name of ["model.onnx", "checkpoint-1.safetensors", "checkpoint-2.safetensors"]) {
    await copyFile(join(golden, name), join(root, name));
  }
  for (const [set, count] of [
    ["train", 5],
    ["test", 1],
  ] as const) {
    await mkdir(join(root, set, "all"), { recursive: true });
    await mkdir(join(root, `${set}-masks`));
    for (let index = 0; index < count; index++) {
      const seed = set === "test" ? 50 : index;
      const isIgnored = (at: number) => set === "train" && at % 5 === 0;
      await writeFile(
        join(root, set, "all", `${index}.png`),
        png(seed, (at) => at * 2),
      );
      await writeFile(
        join(root, `${set}-masks`, `${index}.png`),
        png(seed + 3, (at) => (isIgnored(at) ? ignored : at % 2)),
      );
    }
  }
  const data = (set: string) => ({ images: set, target: { masks: `${set}-masks` } });
  await writeFile(
    join(root, "tracin.json"),
    JSON.stringify({
      model: "model.onnx",
      checkpoints: { files: "checkpoint-*.safetensors", learningRate: [0.1, 0.05] },
      data: { train: data("train"), test: data("test") },
      features: { image: { image: { channels: 1, scale: "1/255" } } },
      loss: { type: "softmax-cross-entropy", reduction: "mean", ignoreIndex: ignored },
    }),
  );
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function scores(run: RunSummary): Promise<readonly number[]> {
  const list = { root, runId: run.id, view: "all" as const, query: 0, offset: 0, limit: 10 };
  return (await service.rows(list, context)).rows.map(({ score }) => score);
}

const given = () => ({ image: join(root, "test/all/0.png") });
const explain = (query: object, label: ExplainedLabel) =>
  service.explain({ root, queries: [query as never], explain: label }, context);
const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 7));

it("an image without a mask is explained for its prediction, as the same image of a dataset", async () => {
  const stored = await explain({ dataset: "test", index: 0 }, "prediction");
  const run = await explain({ given: given() }, "target");
  expect(await scores(run)).toEqual(close(await scores(stored)));
  const [query] = run.queries;
  expect(query).toMatchObject({
    given: true,
    target: "",
    explained: "the prediction at each position",
  });
  expect(query?.positions).toBeUndefined(); // there is no mask with which it could be compared
  const { place } = await service.preview({ root, dataset: "test", index: 0 }, context);
  expect(place.image).toBe("test/all/0.png");
});

it("an image with its mask is explained for it, and the run keeps both", async () => {
  const stored = await explain({ dataset: "test", index: 0 }, "target");
  const mask = join(root, "test-masks/0.png");
  const run = await explain({ given: { ...given(), mask } }, "target");
  expect(await scores(run)).toEqual(close(await scores(stored)));
  expect(run.queries[0]?.positions).toEqual(stored.queries[0]?.positions);
  const kept = await readFile(join(root, run.folder, "query-0.mask.png"));
  expect(kept).toEqual(await readFile(mask));
  const again = await explain({ runId: run.id, query: 0 }, "target");
  expect(await scores(again)).toEqual(close(await scores(stored)));
});

it("a mask is refused where it is none, or nobody asks for one", async () => {
  const noMask = { ...given(), mask: join(root, "tracin.json") };
  await expect(service.checkExample({ root, given: noMask }, context)).rejects.toThrow(/no PNG/);
  const { form } = await service.open({ root }, context);
  expect(form).toMatchObject({ image: true, mask: true });
});
