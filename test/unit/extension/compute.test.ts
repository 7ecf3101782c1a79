import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CancellationTokenSource } from "vscode-jsonrpc/node";
import { createStub } from "./vscode.ts";

const stub = createStub({ memoryLimit: 321, processes: 3, engine: "reference" });
vi.mock("vscode", () => stub.api);

const { Compute } = await import("../../../src/project/compute.ts");
const { ComputeEnded } = await import("../../../src/project/compute-ended.ts");
const { showError } = await import("../../../src/project/messages.ts");

const program = path.join(import.meta.dirname, "fixtures", "compute.mjs");
const lines: string[] = [];
const record = (line: unknown): void => {
  lines.push(String(line));
};
const log = { info: record, error: record, debug: record } as unknown as ConstructorParameters<
  typeof Compute
>[2];

let compute = new Compute(program, "/storage/tensorflow", log);
afterEach(() => {
  compute.dispose();
  compute = new Compute(program, "/storage/tensorflow", log);
  lines.length = 0;
  stub.recorded.messages.length = 0;
});

const open = (root: string) => compute.request("open", { root });

describe("checking an engine", () => {
  it("happens in a process of its own", async () => {
    await open("a");
    const first = compute.pid;
    const checked = Number(await compute.checkEngine("tensorflow"));
    expect(checked).toBeGreaterThan(0);
    expect(checked).not.toBe(first);
    expect(compute.pid).toBe(first);
    await vi.waitFor(() => expect(() => process.kill(checked, 0)).toThrow());
  });

  it("survives an engine that ends its process, and says so", async () => {
    await expect(compute.checkEngine("onnxruntime")).rejects.toMatchObject({ kind: "engine" });
    expect(stub.recorded.messages).toEqual([]);
    expect((await open("b")).root).toBe("b");
  });
});

describe("the compute client", () => {
  it("starts no process before the first request, and one for all requests", async () => {
    expect(compute.pid).toBeUndefined();
    await open("a");
    const pid = compute.pid;
    await open("b");
    expect(pid).toBeTypeOf("number");
    expect(compute.pid).toBe(pid);
  });

  it("passes the settings on", async () => {
    const environment = JSON.parse((await open("environment")).root);
    expect(environment).toMatchObject({
      ELECTRON_RUN_AS_NODE: "1",
      TRACIN_MEMORY_LIMIT: "321",
      TRACIN_PROCESSES: "3",
      TRACIN_ENGINE: "reference",
      TRACIN_TENSORFLOW: "/storage/tensorflow",
    });
  });

  it("starts anew with changed settings", async () => {
    await open("a");
    const first = compute.pid;
    stub.changeConfiguration("tracin.annotations.badges");
    await open("b");
    expect(compute.pid).toBe(first);
    stub.changeConfiguration("tracin.engine");
    await open("c");
    expect(compute.pid).not.toBe(first);
    expect(stub.recorded.messages).toEqual([]);
  });

  it("rejects what was pending when the process dies, says so once, and starts again", async () => {
    const pending = open("never");
    const failed = expect(pending).rejects.toBeInstanceOf(ComputeEnded);
    await open("a");
    const first = compute.pid;
    await expect(open("die")).rejects.toBeInstanceOf(ComputeEnded);
    await failed;
    await vi.waitFor(() => expect(stub.recorded.messages).toHaveLength(1));
    expect(stub.recorded.messages[0]).toContain("SIGKILL");
    expect((await open("b")).root).toBe("b");
    expect(compute.pid).not.toBe(first);
    await pending.catch(showError);
    expect(stub.recorded.messages).toHaveLength(1);
  });

  it("gives up when the process keeps dying, until it is told to try again", async () => {
    for (let times = 0; times < 3; times++) {
      await expect(open("die")).rejects.toBeInstanceOf(ComputeEnded);
      await sleep(50);
    }
    await expect(open("a")).rejects.toThrow("not started again");
    compute.reset();
    expect((await open("a")).root).toBe("a");
  });

  it("ends a request that is cancelled", async () => {
    const cancellation = new CancellationTokenSource();
    const pending = compute.request("open", { root: "never" }, { token: cancellation.token });
    const failed = expect(pending).rejects.toMatchObject({ kind: "cancelled" });
    await open("a");
    cancellation.cancel();
    await failed;
    expect(stub.recorded.messages).toEqual([]);
  });
});
