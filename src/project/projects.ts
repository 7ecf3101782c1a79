import { commands, EventEmitter, FileType, Uri, window, workspace } from "vscode";
import { type DataFile, dataFiles, inputPatterns } from "./data-files.ts";
import { Owner } from "./disposable.ts";
import { InputWatcher } from "./input-watcher.ts";
import { nearestRoot } from "./paths.ts";

/** A folder of the workspace that holds `tracin.json`. */
export interface ProjectFolder {
  /** Absolute path of the folder. */
  readonly root: string;
  /** The folder as a person knows it, relative to the workspace. */
  readonly name: string;
  readonly files: readonly DataFile[];
  /** Glob patterns of everything that results depend on, relative to `root`. */
  readonly inputs: readonly string[];
}

const EXCLUDED = "**/{node_modules,.git,.tracin,.venv}/**";
const MOST_PROJECTS = 100;

/** The projects of the workspace: every folder with a `tracin.json`, kept up to date. */
export class Projects extends Owner {
  private folders: readonly ProjectFolder[] = [];
  private last: string | undefined;
  private readonly changed = this.own(new EventEmitter<void>());
  /** A `tracin.json` came, went or changed. */
  readonly onDidChange = this.changed.event;
  private readonly inputs = this.own(new InputWatcher());
  /** Model, checkpoints or data of a project (its root) were written, by an editor or by another program. */
  readonly onDidChangeInputs = this.inputs.onDidChange;

  constructor() {
    super();
    const watcher = this.own(workspace.createFileSystemWatcher("**/tracin.json"));
    for (const event of [watcher.onDidCreate, watcher.onDidChange, watcher.onDidDelete]) {
      this.own(event(() => void this.refresh()));
    }
    this.own(workspace.onDidChangeWorkspaceFolders(() => void this.refresh()));
  }

  get all(): readonly ProjectFolder[] {
    return this.folders;
  }

  /** Looks for projects again and tells the menus. */
  async refresh(): Promise<void> {
    const found = await workspace.findFiles("**/tracin.json", EXCLUDED, MOST_PROJECTS);
    const local = found.filter((uri) => uri.scheme === "file");
    const folders = await Promise.all(local.map(readFolder));
    this.folders = folders.sort((a, b) => a.root.localeCompare(b.root));
    this.inputs.watch(this.folders);
    await this.setContext();
    this.changed.fire();
  }

  /** The project that a file belongs to: the nearest folder above it with a `tracin.json`. */
  nearest(uri: Uri): ProjectFolder | undefined {
    const root = nearestRoot(
      uri.fsPath,
      this.folders.map((folder) => folder.root),
    );
    return this.folders.find((folder) => folder.root === root);
  }

  /** Tells at once that TracIn has changed the data of a project; of other changes the files themselves tell, later. */
  noteInputs(root: string): void {
    this.inputs.tellNow(root);
  }

  /** Remembers the project that a person worked with last. */
  use(root: string): void {
    this.last = root;
  }

  /** The project meant when none is named: that of the open file, the last used, the only one. */
  get current(): ProjectFolder | undefined {
    const uri = window.activeTextEditor?.document.uri;
    const ofFile = uri && this.nearest(uri);
    const ofLast = this.folders.find((folder) => folder.root === this.last);
    return ofFile ?? ofLast ?? (this.folders.length === 1 ? this.folders[0] : undefined);
  }

  /** Whether a file is one of the data files on whose lines examples stand. */
  isDataFile(uri: Uri): boolean {
    const folder = this.nearest(uri);
    return (
      folder?.files.some(
        ({ file, kind }) => kind !== "folder" && filePath(folder.root, file) === uri.fsPath,
      ) ?? false
    );
  }

  private async setContext(): Promise<void> {
    const rows: string[] = [];
    const images: string[] = [];
    const tests: string[] = [];
    for (const { root, files } of this.folders) {
      for (const { dataset, file, kind } of files) {
        const path = Uri.joinPath(Uri.file(root), file);
        if (dataset !== "train") {
          tests.push(path.fsPath);
        }
        if (kind !== "folder") {
          rows.push(path.fsPath);
        }
        if (kind !== "rows") {
          images.push(...(await imageFolders(kind === "folder" ? path : Uri.joinPath(path, ".."))));
        }
      }
    }
    const contexts = {
      "tracin.hasProject": this.folders.length > 0,
      "tracin.dataFiles": rows,
      "tracin.imageFolders": images,
      "tracin.testFiles": tests,
    };
    for (const [key, value] of Object.entries(contexts)) {
      await commands.executeCommand("setContext", key, value);
    }
  }
}

function filePath(root: string, file: string): string {
  return Uri.joinPath(Uri.file(root), file).fsPath;
}

async function readFolder(config: Uri): Promise<ProjectFolder> {
  const folder = Uri.joinPath(config, "..");
  const name = displayName(folder);
  try {
    const text = new TextDecoder().decode(await workspace.fs.readFile(config));
    return { root: folder.fsPath, name, files: dataFiles(text), inputs: inputPatterns(text) };
  } catch {
    // Gone or unreadable: the Checkpoints view says so when it opens the project.
    return { root: folder.fsPath, name, files: [], inputs: [] };
  }
}

function displayName(folder: Uri): string {
  const ofWorkspace = workspace.getWorkspaceFolder(folder);
  return ofWorkspace?.uri.fsPath === folder.fsPath
    ? ofWorkspace.name
    : workspace.asRelativePath(folder);
}

/** The folder and the folders directly in it: that is where images of a manifest or of labels lie. */
async function imageFolders(folder: Uri): Promise<readonly string[]> {
  try {
    const entries = await workspace.fs.readDirectory(folder);
    const inner = entries.filter(([, type]) => (type & FileType.Directory) !== 0);
    return [folder.fsPath, ...inner.map(([name]) => Uri.joinPath(folder, name).fsPath)];
  } catch {
    return [];
  }
}
