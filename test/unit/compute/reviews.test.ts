import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { decide, reviewsOf, undoReview } from "../../../src/compute/reviews.ts";
import { contentHashes } from "../../../src/core/datasets/content.ts";
import { copySample } from "../sample.ts";
import { withProject } from "../support/project.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tracin-decide-"));
  await copySample("iris", root);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function edit(change: (lines: string[]) => string[]): Promise<void> {
  const file = join(root, "train.csv");
  const lines = (await readFile(file, "utf8")).split("\n");
  await writeFile(file, change(lines).join("\n"));
}

const item = (index: number) => ({ dataset: "train", index });

it("keeps decisions at their examples when rows move, labels change and rows go", async () => {
  const [label = "", content = ""] = await withProject(root, async (project) => {
    const train = project.datasets.get("train");
    const [hash] = train ? await contentHashes(train, 10, 11) : [];
    const texts = train && (await project.encoder.targetTexts(train, 10, 11));
    return [texts?.[0] ?? "", hash ?? ""];
  });
  const to = ["setosa", "versicolor", "virginica"].find((name) => name !== label) ?? "";
  const states = () =>
    withProject(root, async (project) =>
      (await reviewsOf(project)).reviews.map(
        ({ index, decision, state }) => `${index} ${decision.kind} ${state}`,
      ),
    );
  await withProject(root, (project) =>
    decide(project, { items: [item(10)], decision: { kind: "relabel", to } }),
  );
  await withProject(root, (project) =>
    decide(project, { items: [item(20)], decision: { kind: "exclude" } }),
  );
  expect(await states()).toEqual(["10 relabel open", "20 exclude open"]);

  // Row 5 goes, so both stand one row higher.
  await edit((lines) => lines.toSpliced(6, 1));
  expect(await states()).toEqual(["9 relabel open", "19 exclude open"]);

  await edit((lines) => lines.map((text, at) => (at === 10 ? text.replace(label, to) : text)));
  expect(await states()).toEqual(["9 relabel done", "19 exclude open"]);

  await edit((lines) => lines.toSpliced(20, 1));
  expect(await states()).toEqual(["9 relabel done", "20 exclude done"]);

  // An item of a run from before is found by its content, and one that reads differently now is not.
  const reply = await withProject(root, (project) =>
    decide(project, {
      items: [
        { ...item(10), content },
        { ...item(3), content: "ffffffffffffffff" },
      ],
      decision: { kind: "keep" },
    }),
  );
  expect(reply.skipped.map(({ index, reason }) => [index, reason])).toEqual([[3, "changed"]]);
  expect(await states()).toEqual(["9 keep done", "20 exclude done"]);
});

it("undoes a bulk action as a whole, and one decision alone", async () => {
  await withProject(root, async (project) => {
    const kinds = (reply: { reviews: readonly { index: number; decision: { kind: string } }[] }) =>
      reply.reviews.map(({ index, decision }) => `${index} ${decision.kind}`);
    await decide(project, { items: [item(1)], decision: { kind: "keep" } });
    const bulk = await decide(project, {
      items: [item(1), item(2), item(3)],
      decision: { kind: "exclude" },
    });
    expect(kinds(bulk)).toEqual(["1 exclude", "2 exclude", "3 exclude"]);
    expect(bulk.undoable).toBe(3);
    const one = await decide(project, { items: [item(2)], decision: { kind: "undo" } });
    expect(kinds(one)).toEqual(["1 exclude", "3 exclude"]);
    expect(kinds(await undoReview(project))).toEqual(["1 keep"]);
    expect(kinds(await undoReview(project))).toEqual([]);
    expect(kinds(await undoReview(project))).toEqual([]);
  });
});

it("relabels each example to its own suggestion, in one action", async () => {
  await withProject(root, async (project) => {
    const reply = await decide(project, {
      items: [
        { ...item(1), suggested: "virginica" },
        { ...item(60), suggested: "versicolor" },
        item(3),
      ],
      decision: { kind: "suggestion" },
    });
    expect(reply.reviews.map(({ index, decision }) => [index, decision])).toEqual([
      [1, { kind: "relabel", to: "virginica" }],
      [60, { kind: "relabel", to: "versicolor" }],
    ]);
    expect(reply.skipped.map(({ index, reason }) => [index, reason])).toEqual([
      [3, "noSuggestion"],
    ]);
    expect(reply.undoable).toBe(2);
    expect((await undoReview(project)).reviews).toEqual([]);
  });
});

it("refuses a label that the project does not have", async () => {
  await withProject(root, async (project) => {
    await expect(
      decide(project, { items: [item(1)], decision: { kind: "relabel", to: "tulip" } }),
    ).rejects.toThrow('"tulip" is no label');
  });
});
