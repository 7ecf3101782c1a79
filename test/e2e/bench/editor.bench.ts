import { readdir, readFile, stat } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, expect, it } from "vitest";
import { writePart } from "../../bench/document.ts";
import { load } from "../../bench/machine.ts";
import { IRIS, writeManyFlowers } from "../support/large.ts";
import { PanelList } from "../support/lists.ts";
import { ROOT } from "../support/paths.ts";
import { computeProcesses, extensionHosts, residentMemory } from "../support/processes.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("bench");
const rounds = 3;
const table: (readonly [what: string, found: string, wanted: string])[] = [];

afterAll(() => {
  const day = new Date().toLocaleDateString("en-GB", { dateStyle: "long" });
  writePart(
    "editor",
    [
      "| | | wanted |",
      "|---|---:|---:|",
      ...table.map((row) => `| ${row.join(" | ")} |`),
      "",
      `*${day}: ${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, VS Code as code-server serves it, Chromium without a graphics card; ${load()}.*`,
    ].join("\n"),
  );
});

it("activation", async () => {
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await vscode.openSample("digits");
    const { editor } = vscode;
    await editor.openSidebar();
    await editor.panel.locator("tracin-welcome").waitFor();
    await editor.command("Developer: Show Running Extensions");
    const row = editor.page.locator(".runtime-extensions-editor .extension", { hasText: "tracin" });
    // The list has the slowest first and holds what is in sight alone.
    await editor.page.locator(".runtime-extensions-editor").hover();
    await expect
      .poll(async () => {
        if ((await row.count()) === 0) {
          await editor.page.mouse.wheel(0, 200);
          return "";
        }
        return row.first().textContent();
      })
      .toMatch(/Activation: \d+ms/);
    found.push(Number(/Activation: (\d+)ms/.exec((await row.first().textContent()) ?? "")?.[1]));
    if (round === 0) {
      await editor.screenshot("bench-activation");
    }
    await editor.close();
  }
  table.push(["activation of the extension, as VS Code counts it", `${median(found)} ms`, "50 ms"]);
});

it("first ranked row of the digits sample", async () => {
  const found: { cold: readonly number[]; warm: readonly number[] }[] = [];
  for (let round = 0; round < rounds; round++) {
    await vscode.openSample("digits");
    const { editor } = vscode;
    await editor.openSidebar();
    await editor.panel.locator("tracin-welcome").waitFor();
    /** Milliseconds to the first row, provisional or not, and to the finished lists. */
    const explain = async (index: number) => {
      await vscode.explain(index, `test/${String(index).padStart(4, "0")}.png`);
      const started = Date.now();
      const { panel } = editor;
      const card = panel.locator("tracin-query-card .place", { hasText: `${index}.png` });
      await panel.locator("tracin-early tracin-row .place button").or(card).first().waitFor();
      await editor.panel.locator("tracin-row .place button").first().waitFor();
      const first = Date.now() - started;
      await card.waitFor();
      await editor.ranked();
      return [first, Date.now() - started];
    };
    found.push({ cold: await explain(142), warm: await explain(143) });
    if (round === rounds - 1) {
      table.push(...(await memory("after the digits sample")));
    }
    await editor.close();
  }
  const of = (which: "cold" | "warm", at: number) =>
    `${median(found.map(({ [which]: times }) => times[at] ?? Number.NaN))} ms`;
  table.unshift(
    [
      "first ranked row of the digits sample, from the choice of the example",
      of("cold", 0),
      "1,500 ms",
    ],
    ["its finished lists", of("cold", 1), ""],
    ["first row for another example", of("warm", 0), ""],
    ["its finished lists", of("warm", 1), ""],
  );
});

it("lists of 1,000,000 rows", async () => {
  const rows = 1_000_000;
  const folder = await vscode.openFolder([IRIS], (copy) =>
    writeManyFlowers(copy, { rows, decimals: 3 }),
  );
  const { editor } = vscode;
  const list = new PanelList(editor.panel);
  const started = Date.now();
  await editor.command("TracIn: Find Mislabelled Examples");
  await editor.ranked(300_000);
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  table.push(["suspects of 1,000,000 rows, from the command", `${seconds} s`, ""]);
  const content = (await readFile(path.join(folder, "train.csv"), "utf8")).split("\n");
  const narrowToFlowers = async (end: number) => {
    const count = content.filter((row, at) => at > 0 && at < end && row.endsWith(",setosa")).length;
    return list.narrow(`line <= ${end} and target = 'setosa'`, count);
  };
  const early: number[] = [];
  const conditions: number[] = [];
  const words: number[] = [];
  const sorts: number[] = [];
  for (let round = 0; round < 5; round++) {
    early.push(await narrowToFlowers(100_000 * (round + 1)));
  }
  for (let round = 0; round < 5; round++) {
    const word = content[1000 * round + 1]?.split(",")[round % 4] ?? "";
    const lines = content.flatMap((row, at) => (at > 0 && row.includes(word) ? [at + 1] : []));
    // The list before may have had one row too.
    const taken = await list.narrow(word, lines.length, lines.length === 1 ? lines[0] : undefined);
    if (round === 0) {
      table.push([
        "words for the first time, seconds after the list was opened",
        `${taken} ms`,
        "150 ms",
      ]);
    } else {
      words.push(taken);
    }
  }
  for (let round = 0; round < 5; round++) {
    conditions.push(await narrowToFlowers(100_000 * (round + 1) + 50_000));
  }
  await list.filter.press("Escape");
  await list.filter.press("Escape");
  await list.shows(rows);
  for (let round = 0; round < 4; round++) {
    sorts.push(await list.sort("line", rows + 1), await list.sort("example", 2));
  }
  table.push(
    [
      "condition at 1,000,000 rows, from Enter to the rows, while the texts are read",
      `${median(early)} ms`,
      "150 ms",
    ],
    ["condition at 1,000,000 rows, afterwards", `${median(conditions)} ms`, "150 ms"],
    ["words at 1,000,000 rows", `${median(words)} ms`, "150 ms"],
    ["another order of 1,000,000 rows", `${median(sorts)} ms`, "150 ms"],
    ...(await memory("after filters at 1,000,000 rows")),
  );
});

it("packages", async () => {
  const folder = path.join(ROOT, "dist");
  for (const file of (await readdir(folder)).filter((name) => name.endsWith(".vsix"))) {
    const { size } = await stat(path.join(folder, file));
    table.push([
      `${file} (one of \`--quick\` is 2 MB larger)`,
      `${(size / 1e6).toFixed(1)} MB`,
      "45 MB",
    ]);
  }
});

/** Memory of the processes, and of the panel's page. */
async function memory(when: string): Promise<[string, string, string][]> {
  const { home } = vscode.server;
  const inMegabytes = async (pids: readonly number[]) => {
    const bytes = await Promise.all(pids.map(residentMemory));
    return `${Math.round(bytes.reduce((sum, size) => sum + size, 0) / 1e6)} MB`;
  };
  const app = await vscode.editor.panel.locator("tracin-app").elementHandle();
  const panel = await app?.ownerFrame();
  return [
    [`compute process ${when}`, await inMegabytes(await computeProcesses(home)), ""],
    [`extension hosts ${when}`, await inMegabytes(await extensionHosts(home)), ""],
    [`objects of the panel ${when}`, `${panel ? await heap(panel) : "?"} MB`, ""],
  ];
}

function heap(frame: Frame): Promise<number> {
  return frame.evaluate(() => {
    const { memory } = performance as unknown as { memory: { usedJSHeapSize: number } };
    return Math.round(memory.usedJSHeapSize / 1e6);
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
