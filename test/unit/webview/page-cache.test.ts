import { describe, expect, it } from "vitest";
import type { RankedRow, RowsReply } from "../../../src/protocol/lists.ts";
import type { PanelReply } from "../../../src/protocol/panel.ts";
import { PageCache } from "../../../webview/page-cache.ts";

function rowAt(rank: number): RankedRow {
  return {
    rank,
    index: rank,
    place: { file: "train.csv", line: rank, lineCount: 1 },
    preview: { kind: "text", text: "" },
    target: "a",
    predicted: "a",
    score: 1 / rank,
    parts: [],
    selfInfluence: 0,
    loss: 0,
    margin: undefined,
    combined: undefined,
    suggested: undefined,
  };
}

/** A list of `total` rows whose replies wait until they are let go. */
function server(total: number) {
  const waiting: { offset: number; answer: () => Promise<void> }[] = [];
  let failing = false;
  let superseded = false;
  const fetch = (offset: number, limit: number) =>
    new Promise<PanelReply<RowsReply>>((resolve) => {
      const count = Math.max(0, Math.min(limit, total - offset));
      const rows = Array.from({ length: count }, (_, at) => rowAt(offset + at + 1));
      waiting.push({
        offset,
        answer: async () => {
          resolve(
            failing
              ? { ok: false, message: "gone", remedy: undefined, superseded }
              : { ok: true, value: { total, scale: 1, rows } },
          );
          await new Promise((done) => setTimeout(done));
        },
      });
    });
  return {
    fetch,
    asked: () => waiting.map((request) => request.offset),
    answerAll: async () => {
      for (const request of waiting.splice(0)) {
        await request.answer();
      }
    },
    fail: (value: boolean) => {
      failing = value;
    },
    supersede: (value: boolean) => {
      failing = value;
      superseded = value;
    },
  };
}

const small = { pageSize: 10, maxPages: 3, maxRequests: 2 };

describe("PageCache", () => {
  it("asks for the first page first: it tells the length", async () => {
    const { fetch, asked, answerAll } = server(95);
    const cache = new PageCache(fetch, () => undefined, small);
    cache.show(0, 0);
    expect(asked()).toEqual([0]);
    await answerAll();
    expect(cache.total).toBe(95);
    expect(cache.row(9)?.rank).toBe(10);
    expect(cache.row(10)).toBeUndefined();
  });

  it("asks for a page once, and for none beyond the end", async () => {
    const { fetch, asked, answerAll } = server(15);
    const cache = new PageCache(fetch, () => undefined, small);
    cache.show(0, 5);
    await answerAll();
    cache.show(8, 200);
    cache.show(8, 200);
    expect(asked()).toEqual([10]);
  });

  it("keeps few requests under way and then goes where the person is, not where they were", async () => {
    const { fetch, asked, answerAll } = server(1000);
    const cache = new PageCache(fetch, () => undefined, small);
    cache.show(0, 5);
    await answerAll();
    for (const start of [100, 200, 300, 400, 500]) {
      cache.show(start, start + 5);
    }
    expect(asked()).toEqual([100, 200]);
    await answerAll();
    expect(asked()).toEqual([500]);
    await answerAll();
    expect(cache.row(503)?.rank).toBe(504);
  });

  it("forgets the pages seen longest ago, yet not the first row", async () => {
    const { fetch, answerAll } = server(1000);
    const cache = new PageCache(fetch, () => undefined, small);
    for (const start of [0, 100, 200, 300]) {
      cache.show(start, start);
      await answerAll();
    }
    expect(cache.row(0)).toBeUndefined();
    expect(cache.row(100)?.rank).toBe(101);
    expect(cache.first?.rank).toBe(1);
  });

  it("asks again for what gave way to another list, when it is shown again", async () => {
    const { fetch, asked, answerAll, supersede } = server(50);
    const cache = new PageCache(fetch, () => undefined, small);
    cache.show(0, 5);
    supersede(true);
    await answerAll();
    supersede(false);
    expect([cache.failure, cache.total, asked()]).toEqual([undefined, undefined, []]);
    cache.show(0, 5);
    await answerAll();
    expect(cache.row(5)?.rank).toBe(6);
  });

  it("stops at a failure until it is told to try again", async () => {
    const { fetch, asked, answerAll, fail } = server(50);
    let changes = 0;
    const cache = new PageCache(fetch, () => changes++, small);
    fail(true);
    cache.show(0, 5);
    await answerAll();
    expect(cache.failure).toEqual({ message: "gone", remedy: undefined });
    cache.show(0, 5);
    expect(asked()).toEqual([]);
    fail(false);
    cache.retry();
    await answerAll();
    expect(cache.failure).toBeUndefined();
    expect(cache.total).toBe(50);
    expect(changes).toBe(3);
  });

  it("ignores what arrives after it is disposed of", async () => {
    const { fetch, answerAll } = server(50);
    let changes = 0;
    const cache = new PageCache(fetch, () => changes++, small);
    cache.show(0, 5);
    cache.dispose();
    await answerAll();
    expect(cache.total).toBeUndefined();
    expect(changes).toBe(0);
  });
});
