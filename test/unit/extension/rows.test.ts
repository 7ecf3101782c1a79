import { describe, expect, it, vi } from "vitest";
import type { Mark } from "../../../src/protocol/compute.ts";
import { createStub } from "./vscode.ts";

const stub = createStub();
vi.mock("vscode", () => stub.api);

const { RowAnnotations } = await import("../../../src/annotations/rows.ts");
type Services = ConstructorParameters<typeof RowAnnotations>;

function mark(line: number): Mark {
  return {
    kind: "suspect",
    rank: 1,
    value: 1,
    place: { file: "train.csv", line, lineCount: 1 },
    index: line - 1,
    target: "cat",
    predicted: "dog",
    reading: "probabilities",
    suggested: undefined,
    selfInfluence: 1,
    loss: 1,
  };
}

describe("the marks on rows", () => {
  it("are those of the run that is shown, also when the marks of the one before arrive late", async () => {
    const nothing = { dispose: () => undefined };
    let runShown = (): void => undefined;
    const session = {
      run: { root: "/w", runId: "first" },
      state: { kind: "empty" },
      marks: (): Promise<readonly Mark[]> => Promise.resolve([]),
      onDidChangeRun: (listener: () => void) => {
        runShown = listener;
        return nothing;
      },
      onDidChangePanel: () => nothing,
    };
    const projects = { onDidChange: () => nothing };
    const rows = new RowAnnotations(
      session as unknown as Services[0],
      projects as unknown as Services[1],
    );
    const document = {
      uri: { fsPath: "/w/train.csv", toString: () => "file:///w/train.csv" },
      lineCount: 10,
      getText: () => "text",
    };
    const editor = { document, selection: { active: { line: 0 } }, viewColumn: 1 };
    const opened: number[] = [];
    Object.assign(stub.api["window"] as object, {
      showTextDocument: (_: unknown, { selection }: { selection: { startLine: number } }) => {
        opened.push(selection.startLine);
        return Promise.resolve();
      },
    });
    let answer = (_: readonly Mark[]): void => undefined;
    session.marks = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const goTo = () => rows.goTo(editor as never, 1);
    const late = goTo();
    session.run = { root: "/w", runId: "second" };
    runShown();
    answer([mark(3)]);
    await late;
    session.marks = () => Promise.resolve([mark(7)]);
    await goTo();
    rows.dispose();
    expect(opened).toEqual([7]);
  });
});
