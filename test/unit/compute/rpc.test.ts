import { MessageChannel } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  CancellationTokenSource,
  createMessageConnection,
  type MessageConnection,
  PortMessageReader,
  PortMessageWriter,
} from "vscode-jsonrpc/node";
import { TracInError } from "../../../src/core/errors.ts";
import { type CallContext, type Client, createClient, serve } from "../../../src/protocol/rpc.ts";

interface Api {
  add(params: { readonly a: number; readonly b: number }): number;
  fail(params: { readonly kind: "tracin" | "other" }): void;
  /** Counts up until cancelled. */
  count(params: { readonly until: number }): number;
  floats(params: { readonly values: Float32Array }): Float32Array;
  /** Ignores cancellation. */
  stubborn(params: Record<string, never>): void;
}

let connections: MessageConnection[];
let client: Client<Api, number>;
let aborted: boolean;

beforeEach(() => {
  const { port1, port2 } = new MessageChannel();
  connections = [port1, port2].map((port) =>
    createMessageConnection(new PortMessageReader(port), new PortMessageWriter(port)),
  );
  aborted = false;
  const [here, there] = connections;
  if (here === undefined || there === undefined) {
    throw new Error("no connection");
  }
  serve<Api, number>(there, {
    add: ({ a, b }) => a + b,
    fail: ({ kind }) => {
      throw kind === "tracin"
        ? new TracInError("data", "Bad row.", { file: "a.csv", line: 3 }, "Mend it.")
        : new RangeError("odd");
    },
    count: async ({ until }, { signal, report }: CallContext<number>) => {
      for (let n = 0; n < until; n++) {
        if (signal.aborted) {
          aborted = true;
          signal.throwIfAborted();
        }
        report(n);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return until;
    },
    floats: ({ values }) => values.map((value) => 2 * value),
    stubborn: () => new Promise(() => undefined),
  });
  there.listen();
  here.listen();
  client = createClient<Api, number>(here);
});

afterEach(() => {
  for (const connection of connections) {
    connection.end();
    connection.dispose();
  }
});

describe("requests between processes", () => {
  it("carries parameters, results and typed arrays", async () => {
    expect(await client.request("add", { a: 2, b: 3 })).toBe(5);
    expect(await client.request("floats", { values: Float32Array.of(1, 2) })).toEqual(
      Float32Array.of(2, 4),
    );
  });

  it("reports progress to the request that asked", async () => {
    const first: number[] = [];
    const second: number[] = [];
    await Promise.all([
      client.request("count", { until: 3 }, { onProgress: (n) => first.push(n) }),
      client.request("count", { until: 5 }, { onProgress: (n) => second.push(n) }),
    ]);
    expect(first).toEqual([0, 1, 2]);
    expect(second).toEqual([0, 1, 2, 3, 4]);
  });

  it("restores errors with place and remedy", async () => {
    const error = await client
      .request("fail", { kind: "tracin" })
      .catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(TracInError);
    expect(error).toMatchObject({
      kind: "data",
      message: "Bad row.",
      place: { file: "a.csv", line: 3 },
      remedy: "Mend it.",
    });
    await expect(client.request("fail", { kind: "other" })).rejects.toMatchObject({
      kind: "internal",
      message: "odd",
    });
  });

  it("turns an abort into a cancellation of the handler", async () => {
    const controller = new AbortController();
    const call = client.request(
      "count",
      { until: 100_000 },
      { signal: controller.signal, onProgress: (n) => n === 5 && controller.abort() },
    );
    await expect(call).rejects.toMatchObject({ kind: "cancelled" });
    await expect.poll(() => aborted).toBe(true);
  });

  it("answers a cancelled request even when its handler does not", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    await expect(
      client.request("stubborn", {}, { signal: controller.signal }),
    ).rejects.toMatchObject({
      kind: "cancelled",
    });
    await expect(
      client.request("stubborn", {}, { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({
      kind: "cancelled",
    });
  });

  it("takes VS Code's tokens as well", async () => {
    const source = new CancellationTokenSource();
    setTimeout(() => source.cancel(), 20);
    const call = client.request("count", { until: 100_000 }, { token: source.token });
    await expect(call).rejects.toMatchObject({ kind: "cancelled" });
  });

  it("rejects what is pending when the connection ends", async () => {
    const call = client.request("stubborn", {});
    setTimeout(() => connections[0]?.dispose(), 20);
    await expect(call).rejects.toMatchObject({ kind: "engine" });
  });
});
