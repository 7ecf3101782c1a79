/** A stand-in for VS Code's API: enough for activation, and it remembers what was registered. */

export interface Recorded {
  readonly commands: Map<string, (...parameters: unknown[]) => unknown>;
  readonly views: string[];
  readonly contexts: Map<string, unknown>;
  readonly messages: string[];
  /** Settings that were written, by their whole names. */
  readonly written: Map<string, unknown>;
}

export interface Stub {
  readonly api: Record<string, unknown>;
  readonly recorded: Recorded;
  /** The settings by the last part of their names; a test may change them. */
  readonly settings: Record<string, unknown>;
  /** What the next messages with buttons answer. */
  answers: (string | undefined)[];
  /** Tells listeners that a setting changed. */
  changeConfiguration(name: string): void;
  /** Tells listeners that an editor was scrolled. */
  scroll(): void;
}

/** A typed event of a stand-in. */
export class Listeners<T> {
  private readonly emitter = new EventEmitter();
  readonly event = (listener: (value: T) => void): { dispose(): void } =>
    this.emitter.event((value) => listener(value as T));
  fire(value: T): void {
    this.emitter.fire(value);
  }
}

class EventEmitter {
  private listeners: ((value: unknown) => void)[] = [];
  readonly event = (listener: (value: unknown) => void): { dispose(): void } => {
    this.listeners.push(listener);
    return { dispose: () => this.listeners.splice(this.listeners.indexOf(listener), 1) };
  };
  fire(value: unknown): void {
    for (const listener of this.listeners) {
      listener(value);
    }
  }
  dispose(): void {
    this.listeners = [];
  }
}

class Uri {
  private constructor(
    readonly scheme: string,
    readonly path: string,
  ) {}
  get fsPath(): string {
    return this.path;
  }
  static file(path: string): Uri {
    return new Uri("file", path);
  }
  static joinPath(base: Uri, ...parts: string[]): Uri {
    return new Uri(base.scheme, [base.path, ...parts].join("/"));
  }
  toString(): string {
    return `${this.scheme}://${this.path}`;
  }
}

class RelativePattern {
  constructor(
    readonly base: Uri,
    readonly pattern: string,
  ) {}
}

class MarkdownString {
  isTrusted: unknown;
  constructor(public value = "") {}
  appendMarkdown(text: string): this {
    this.value += text;
    return this;
  }
}

interface Position {
  readonly line: number;
  readonly character: number;
}

class Range {
  readonly start: Position;
  readonly end: Position;
  constructor(...[a, b, c, d]: (Position | number)[]) {
    const position = (line: unknown, character: unknown): Position => ({
      line: Number(line),
      character: Number(character),
    });
    this.start = typeof a === "object" ? a : position(a, b);
    this.end = typeof b === "object" ? b : position(c, d);
  }
}

const nothing = { dispose: () => undefined };
const event = () => nothing;

/** A fresh stub with the given settings (last part of their names); a workspace without any project. */
export function createStub(given: Readonly<Record<string, unknown>> = {}): Stub {
  const settings = { ...given };
  const recorded: Recorded = {
    commands: new Map(),
    views: [],
    contexts: new Map(),
    messages: [],
    written: new Map(),
  };
  const configuration = new EventEmitter();
  const scrolled = new EventEmitter();
  const stub: Stub = {
    recorded,
    settings,
    answers: [],
    api: {},
    changeConfiguration: (name) =>
      configuration.fire({ affectsConfiguration: (section: string) => section === name }),
    scroll: () => scrolled.fire(undefined),
  };
  const message = (text: string) => {
    recorded.messages.push(text);
    return Promise.resolve(stub.answers.shift());
  };
  const view = (id: string) => {
    recorded.views.push(id);
    return { ...nothing, message: "" };
  };
  const log = () => ({
    ...nothing,
    info: () => undefined,
    debug: () => undefined,
    error: () => undefined,
    show: () => undefined,
  });
  Object.assign(stub.api, {
    EventEmitter,
    Uri,
    MarkdownString,
    Range,
    RelativePattern,
    ThemeColor: class {
      constructor(readonly id: string) {}
    },
    ThemeIcon: class {
      constructor(readonly id: string) {}
    },
    OverviewRulerLane: { Right: 4 },
    Diagnostic: class {
      constructor(
        readonly range: Range,
        readonly message: string,
        readonly severity: number,
      ) {}
    },
    CodeActionKind: { QuickFix: "quickfix" },
    CodeAction: class {
      constructor(readonly title: string) {}
    },
    WorkspaceEdit: class {
      readonly replaced: [uri: Uri, range: Range, text: string][] = [];
      replace(uri: Uri, range: Range, text: string): void {
        this.replaced.push([uri, range, text]);
      }
    },
    DiagnosticSeverity: { Information: 2 },
    CodeLens: class {
      constructor(
        readonly range: Range,
        readonly command: unknown,
      ) {}
    },
    languages: {
      registerCodeLensProvider: () => nothing,
      registerCodeActionsProvider: () => nothing,
      createDiagnosticCollection: () => ({
        ...nothing,
        set: () => undefined,
        clear: () => undefined,
      }),
    },
    FileType: { Directory: 2 },
    StatusBarAlignment: { Left: 1 },
    ProgressLocation: { Notification: 15 },
    ConfigurationTarget: { Global: 1 },
    l10n: {
      t: (text: string, ...values: unknown[]) =>
        text.replace(/\{(\d+)\}/g, (_, index: string) => String(values[Number(index)])),
    },
    commands: {
      registerCommand: (id: string, handler: (...parameters: unknown[]) => unknown) => {
        recorded.commands.set(id, handler);
        return nothing;
      },
      executeCommand: (id: string, key: string, value: unknown) => {
        if (id === "setContext") {
          recorded.contexts.set(key, value);
        }
        return Promise.resolve();
      },
    },
    window: {
      createOutputChannel: log,
      createStatusBarItem: () => ({ ...nothing, show: () => undefined, hide: () => undefined }),
      createTreeView: view,
      registerWebviewViewProvider: view,
      registerWebviewPanelSerializer: () => nothing,
      registerFileDecorationProvider: () => nothing,
      createTextEditorDecorationType: () => ({ ...nothing }),
      onDidChangeVisibleTextEditors: event,
      onDidChangeTextEditorVisibleRanges: scrolled.event,
      showErrorMessage: message,
      showInformationMessage: message,
      visibleTextEditors: [],
      withProgress: (_: unknown, task: (progress: unknown, token: unknown) => unknown) =>
        task({ report: () => undefined }, { onCancellationRequested: event }),
    },
    workspace: {
      createFileSystemWatcher: () => ({
        ...nothing,
        onDidCreate: event,
        onDidChange: event,
        onDidDelete: event,
      }),
      findFiles: () => Promise.resolve([]),
      isTrusted: settings["isTrusted"] ?? true,
      onDidGrantWorkspaceTrust: event,
      getConfiguration: (section: string) => ({
        get: (key: string, fallback: unknown) => settings[key] ?? fallback,
        update: async (key: string, value: unknown) => {
          recorded.written.set(`${section}.${key}`, value);
        },
      }),
      onDidChangeConfiguration: configuration.event,
      onDidChangeTextDocument: event,
      onDidChangeWorkspaceFolders: event,
      onDidCloseTextDocument: event,
      onDidOpenTextDocument: event,
      textDocuments: [],
    },
  });
  return stub;
}
