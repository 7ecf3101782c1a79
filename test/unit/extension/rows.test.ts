import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { rowHash } from "../../../src/core/datasets/row-hash.ts";
import type { Mark } from "../../../src/protocol/lists.ts";
import { markOf } from "./mark.ts";
import { createStub, Listeners } from "./vscode.ts";

const stub = createStub({ problems: true });
vi.mock("vscode", () => stub.api);

const { MarkedDocuments } = await import("../../../src/annotations/marked-documents.ts");
const { RowAnnotations } = await import("../../../src/annotations/rows.ts");
const { ShownMarks } = await import("../../../src/annotations/shown-marks.ts");
const { SuspectProblems } = await import("../../../src/annotations/problems.ts");
const { SuspectFixes } = await import("../../../src/annotations/quick-fixes.ts");
const { RowLenses } = await import("../../../src/annotations/lenses.ts");
const { Uri, Range } = await import("vscode");

const nothing = { dispose: () => undefined };

function mark(line: number, text = `row ${line}`): Mark {
  const place = { file: "train.csv", line, lineCount: 1, rowHash: rowHash(text) };
  return markOf({ place, index: line - 1 });
}

/** An editor that counts what is read of its document, and remembers what was drawn. */
function editorOn(lineCount: number, visible: readonly [number, number]) {
  const read = { texts: 0 };
  const drawn = new Map<unknown, readonly unknown[]>();
  const document = {
    uri: Uri.file("/w/train.csv"),
    isClosed: false,
    lineCount,
    lineAt: (line: number) => ({ text: `row ${line}` }),
    getText: ({ start }: { start: { line: number } }) => {
      read.texts++;
      return `row ${start.line}`;
    },
    validateRange: (range: unknown) => range,
  };
  const ranges = (from: number, to: number) => [new Range(from, 0, to, 0)];
  const editor = {
    document,
    selection: { active: { line: 0 } },
    viewColumn: 1,
    visibleRanges: ranges(...visible),
    setDecorations: (type: unknown, options: readonly unknown[]) => {
      drawn.set(type, options);
    },
    scrollTo: (from: number, to: number) => {
      editor.visibleRanges = ranges(from, to);
    },
  };
  return { editor, read, drawn };
}

function open(first: Promise<readonly Mark[]>) {
  const run = new Listeners<void>();
  const session = {
    run: { root: "/w", runId: "first" } as { root: string; runId: string } | undefined,
    state: { kind: "empty" },
    marks: () => first,
    onDidChangeRun: run.event,
    onDidChangePanel: () => nothing,
  };
  const projects = { onDidChange: () => nothing, isDataFile: () => true };
  const decisions = new Listeners<string>();
  const decided = new Map<number, unknown>();
  const reviews = {
    onDidChange: decisions.event,
    load: () => Promise.resolve(),
    decisionOf: (_: string, { index }: { index: number }) => decided.get(index),
  };
  const marks = new ShownMarks(session as never, reviews as never);
  const documents = new MarkedDocuments(marks, projects as never);
  const rows = new RowAnnotations(
    session as never,
    projects as never,
    marks,
    documents,
    Uri.file("/extension"),
  );
  const show = (runId: string | undefined, next: Promise<readonly Mark[]>) => {
    session.run = runId === undefined ? undefined : { root: "/w", runId };
    session.marks = () => next;
    run.fire();
  };
  const dispose = () => [rows, documents, marks].forEach((thing) => void thing.dispose());
  const decide = (index: number, decision: unknown) => {
    if (decision === undefined) {
      decided.delete(index);
    } else {
      decided.set(index, { decision });
    }
    decisions.fire("/w");
  };
  return { marks, documents, projects, rows, show, decide, dispose };
}

const opened: number[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  opened.length = 0;
  Object.assign(stub.api["window"] as object, {
    showTextDocument: (_: unknown, { selection }: { selection: { start: { line: number } } }) => {
      opened.push(selection.start.line);
      return Promise.resolve();
    },
  });
});
afterEach(() => {
  vi.useRealTimers();
  Object.assign(stub.api["window"] as object, { visibleTextEditors: [] });
});

describe("the marks on rows", () => {
  it("are those of the run that is shown, also when the marks of the one before arrive late", async () => {
    let answer = (_: readonly Mark[]): void => undefined;
    const { rows, show, dispose } = open(
      new Promise((resolve) => {
        answer = resolve;
      }),
    );
    const { editor } = editorOn(10, [0, 9]);
    const late = rows.goTo(editor as never, 1);
    show("second", Promise.resolve([mark(7)]));
    answer([mark(3)]);
    await late;
    await rows.goTo(editor as never, 1);
    dispose();
    expect(opened).toEqual([7]);
  });

  it("go when they are hidden or the run is deleted, and come back when they are wanted", async () => {
    const { rows, marks, show, dispose } = open(Promise.resolve([mark(3)]));
    const { editor } = editorOn(10, [0, 9]);
    marks.hide();
    await rows.goTo(editor as never, 1);
    expect(opened).toEqual([]);
    expect(stub.recorded.contexts.get("tracin.hasHiddenMarks")).toBe(true);
    marks.show();
    await rows.goTo(editor as never, 1);
    expect(opened).toEqual([3]);
    expect(stub.recorded.contexts.get("tracin.hasHiddenMarks")).toBe(false);
    show(undefined, Promise.resolve([]));
    await rows.goTo(editor as never, 1);
    expect(opened).toEqual([3]);
    dispose();
  });

  it("belong to the run's folder, not to a file of the same name in another one", async () => {
    const { rows, documents, dispose } = open(Promise.resolve([mark(3)]));
    const { editor } = editorOn(10, [0, 9]);
    const other = { ...editor.document, uri: Uri.file("/other/train.csv") };
    const beside = { ...editor.document, uri: Uri.file("/w2/train.csv") };
    const diff = { ...editor.document, uri: { ...editor.document.uri, scheme: "git" } };
    for (const document of [other, beside, diff]) {
      expect(await documents.rows(document as never)).toEqual([]);
    }
    await rows.goTo(editor as never, 1);
    expect(opened).toEqual([3]);
    dispose();
  });

  it("cost nothing but the visible rows when a file of 300,000 lines is scrolled", async () => {
    const places = Array.from({ length: 60 }, (_, index) => 5000 * index + 1);
    const { dispose } = open(Promise.resolve(places.map((line) => mark(line))));
    const { editor, read, drawn } = editorOn(300_000, [0, 50]);
    const other = editorOn(300_000, [5000, 5050]);
    Object.assign(other.editor, { document: editor.document }); // the same file in a second editor
    Object.assign(stub.api["window"] as object, {
      visibleTextEditors: [editor, other.editor],
    });
    const settled = async () => {
      stub.scroll();
      await vi.advanceTimersByTimeAsync(100);
    };
    await settled();
    expect(read.texts).toBe(60); // each marked row once
    const counts = () => [...drawn.values()].map((options) => options.length);
    expect(counts().filter((count) => count === 60)).toHaveLength(1); // the overview ruler
    expect(counts().filter((count) => count === 1)).toHaveLength(2); // text and gutter
    const second = [...other.drawn.values()].map((options) => options.length);
    expect(second.filter((count) => count === 1)).toHaveLength(2);
    read.texts = 0;
    drawn.clear();
    for (let line = 100; line < 300_000; line += 9973) {
      editor.scrollTo(line, line + 50);
      await settled();
    }
    expect(read.texts).toBe(0);
    expect(Math.max(...counts())).toBeLessThanOrEqual(1); // the ruler is not drawn again
    dispose();
  });
});

describe("suspects", () => {
  const text = '{"text": "win a prize", "label": "ham"}';
  const suspect: Mark = {
    ...mark(3, text),
    target: "ham",
    suggested: { label: "spam", value: 0.94 },
    content: "abc",
  };

  /** An open document whose third line is the suspect; `rows` may be changed. */
  function documentOf(rows: string[]) {
    return {
      uri: Uri.file("/w/train.csv"),
      isClosed: false,
      get lineCount() {
        return rows.length;
      },
      getText: ({ start, end }: { start: Place; end: Place }) =>
        rows
          .slice(start.line, end.line + 1)
          .join("\n")
          .slice(start.character, start.line === end.line ? end.character : undefined),
      validateRange: (range: unknown) => range,
      offsetAt: ({ line, character }: Place) => line * 1000 + character,
      positionAt: (offset: number) => ({
        line: Math.floor(offset / 1000),
        character: offset % 1000,
      }),
    };
  }

  const asked: unknown[] = [];
  const compute = {
    request: async (method: string, params: { text: string; from: string; to: string }) => {
      asked.push([method, params]);
      const start = params.text.indexOf(params.from);
      return { start, end: start + params.from.length, text: params.to };
    },
  };

  interface Place {
    readonly line: number;
    readonly character: number;
  }

  it("are problems with fixes until they are decided, and again after undo", async () => {
    const listed = new Map<string, readonly { message: string }[]>();
    Object.assign(stub.api["languages"] as object, {
      createDiagnosticCollection: () => ({
        dispose: () => undefined,
        set: (uri: unknown, found: readonly { message: string }[]) =>
          listed.set(String(uri), found),
        clear: () => listed.clear(),
      }),
    });
    const document = documentOf(["h", "a", "b", text, "c"]);
    Object.assign(stub.api["workspace"] as object, { textDocuments: [document] });
    // The model agrees with the label of the second one: it is no problem.
    const agreed: Mark = { ...suspect, ...mark(4, "c"), rank: 2, suggested: undefined };
    const shown = Promise.resolve([suspect, agreed]);
    const { marks, documents, projects, decide, dispose } = open(shown);
    const problems = new SuspectProblems(marks, documents, projects as never);
    const fixes = new SuspectFixes(compute as never, marks, documents);
    const messages = async () => {
      await vi.advanceTimersByTimeAsync(300);
      return [...listed.values()].flat().map(({ message }) => message);
    };
    const actions = () =>
      fixes.provideCodeActions(document as never, new Range(3, 0, 3, 0), { diagnostics: [] });
    const sentence = "1st suspect: the label ham may be wrong; the model says spam (0.94).";

    marks.show();
    expect(await messages()).toEqual([sentence]);
    const offered = await actions();
    expect(offered.map(({ title }) => title)).toEqual([
      "Relabel to spam",
      "Exclude from the Training Data",
      "Mark as Right",
    ]);
    const item = { dataset: "train", index: 2, content: "abc" };
    expect(offered[0]?.command?.arguments).toEqual(["/w", item, { kind: "relabel", to: "spam" }]);
    // Where the label stands is the compute process' to say; the edit is made when the fix is chosen.
    const [relabel] = offered;
    expect(relabel?.edit).toBeUndefined();
    const resolved = relabel && (await fixes.resolveCodeAction(relabel));
    expect(asked).toEqual([
      ["relabelText", { root: "/w", dataset: "train", text, from: "ham", to: "spam" }],
    ]);
    const written = resolved?.edit as unknown as
      | {
          replaced: [unknown, unknown, string][];
        }
      | undefined;
    const edit = written?.replaced[0];
    expect(edit?.[2]).toBe("spam");
    const from = text.indexOf("ham");
    expect(edit?.[1]).toMatchObject({
      start: { line: 3, character: from },
      end: { line: 3, character: from + 3 },
    });

    decide(2, { kind: "keep" });
    expect(await messages()).toEqual([]);
    expect((await actions()).map(({ title }) => title)).toEqual(["Take Back the Decision"]);
    decide(2, undefined);
    expect(await messages()).toEqual([sentence]);

    stub.settings["problems"] = false;
    stub.changeConfiguration("tracin.annotations");
    expect(await messages()).toEqual([]);
    stub.settings["problems"] = true;
    stub.changeConfiguration("tracin.annotations");
    expect(await messages()).toEqual([sentence]);
    for (const thing of [fixes, problems]) {
      thing.dispose();
    }
    dispose();
  });

  it("of a row that reads differently by now are no problem and offer no fix", async () => {
    const document = documentOf(["h", "a", "b", text.replace("win", "won"), "c"]);
    const { marks, documents, dispose } = open(Promise.resolve([suspect]));
    const fixes = new SuspectFixes(compute as never, marks, documents);
    const range = new Range(3, 0, 3, 0);
    expect(await fixes.provideCodeActions(document as never, range, { diagnostics: [] })).toEqual(
      [],
    );
    fixes.dispose();
    dispose();
  });

  it("have lenses only where a person wants them", async () => {
    const document = documentOf(["h", "a", "b", text, "c"]);
    const { marks, documents, decide, dispose } = open(Promise.resolve([suspect]));
    const lenses = new RowLenses(marks, documents);
    const titles = async () =>
      (await lenses.provideCodeLenses(document as never)).map(({ command }) => command?.title);
    expect(await titles()).toEqual([]);
    stub.settings["codeLens"] = true;
    expect(await titles()).toEqual(["⚠ spam? (0.94)", "Explain This Row"]);
    decide(2, { kind: "relabel", to: "spam" });
    expect(await titles()).toEqual(["→ relabelled spam", "Explain This Row"]);
    stub.settings["codeLens"] = false;
    lenses.dispose();
    dispose();
  });
});
