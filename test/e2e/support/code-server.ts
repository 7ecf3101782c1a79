import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CODE_SERVER, NODE, OUTPUT, required } from "./paths.ts";

/** Quiet, and nothing opens by itself, so that what appears is ours. */
const SETTINGS = {
  "workbench.startupEditor": "none",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "files.autoSave": "off",
  "extensions.autoCheckUpdates": false,
  "security.workspace.trust.enabled": false,
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "window.commandCenter": false,
};

export interface ServerOptions {
  /** Extensions to install, as .vsix files. */
  readonly extensions: readonly string[];
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Name of the log in the output folder. */
  readonly name: string;
  /** Folders are opened in restricted mode. */
  readonly restricted?: boolean;
}

/** Settings of a VS Code that trusts no folder, and does not ask. */
const RESTRICTED = {
  "security.workspace.trust.enabled": true,
  "security.workspace.trust.startupPrompt": "never",
};

/** A real VS Code, served to a browser, with a home of its own. */
export class CodeServer {
  private constructor(
    readonly home: string,
    readonly port: number,
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(options: ServerOptions): Promise<CodeServer> {
    required(CODE_SERVER, "npm run setup --prefix test/e2e");
    await mkdir(OUTPUT, { recursive: true });
    const home = await mkdtemp(path.join(tmpdir(), "tracin-e2e-"));
    const isRestricted = options.restricted === true;
    const flags = await prepareHome(home, {
      ...options.settings,
      ...(isRestricted ? RESTRICTED : {}),
    });
    const env = { ...environment(home), ...options.env };
    for (const extension of options.extensions) {
      await run([...flags, "--install-extension", extension], env);
    }
    const port = await freePort();
    const child = spawn(
      NODE,
      [
        CODE_SERVER,
        ...flags,
        ...["--auth", "none", "--bind-addr", `127.0.0.1:${port}`],
        ...QUIET,
        ...(isRestricted ? [] : ["--disable-workspace-trust"]),
      ],
      { env, detached: true, stdio: ["ignore", "pipe", "pipe"] },
    );
    const log = createWriteStream(path.join(OUTPUT, `${options.name}.log`));
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    const server = new CodeServer(home, port, options.name, child);
    await server.waitUntilReady();
    return server;
  }

  /** Copies a folder, so that a test may change it; returns the copy. */
  async copy(folder: string, name = path.basename(folder)): Promise<string> {
    const parent = await mkdtemp(path.join(this.home, "workspace-"));
    const target = path.join(parent, name);
    await cp(folder, target, { recursive: true, filter: (file) => !/[\\/]\.tracin$/.test(file) });
    return target;
  }

  /** The address of a window on a folder. */
  url(folder: string): string {
    return `http://127.0.0.1:${this.port}/?folder=${encodeURIComponent(folder)}`;
  }

  async stop(): Promise<void> {
    if (this.child.pid !== undefined && this.child.exitCode === null) {
      const ended = once(this.child, "exit");
      process.kill(-this.child.pid, "SIGTERM");
      await Promise.race([ended, sleep(3000)]);
      try {
        process.kill(-this.child.pid, "SIGKILL");
      } catch {
        // the whole group is gone already
      }
    }
    // What the extension host and TracIn logged, for failures that the screenshots do not explain.
    await cp(path.join(this.home, "user-data", "logs"), path.join(OUTPUT, `${this.name}-logs`), {
      recursive: true,
    }).catch(() => undefined);
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  private async waitUntilReady(): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline) {
      const answer = await fetch(`http://127.0.0.1:${this.port}/healthz`).catch(() => undefined);
      if (answer?.ok) {
        return;
      }
      await sleep(200);
    }
    await this.stop();
    throw new Error("code-server did not start within a minute; see its log in test/e2e/output.");
  }
}

const QUIET = ["--disable-telemetry", "--disable-update-check"];

async function prepareHome(
  home: string,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<readonly string[]> {
  const user = path.join(home, "user-data", "User");
  await mkdir(user, { recursive: true });
  await mkdir(path.join(home, "extensions"));
  await writeFile(path.join(user, "settings.json"), JSON.stringify({ ...SETTINGS, ...settings }));
  await writeFile(path.join(home, "config.yaml"), "");
  return [
    "--user-data-dir",
    path.join(home, "user-data"),
    "--extensions-dir",
    path.join(home, "extensions"),
    "--config",
    path.join(home, "config.yaml"),
  ];
}

/** Nothing of the person's own editor is read or written. */
function environment(home: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HOME: home,
    XDG_CONFIG_HOME: path.join(home, ".config"),
    XDG_DATA_HOME: path.join(home, ".local", "share"),
    XDG_CACHE_HOME: path.join(home, ".cache"),
    XDG_RUNTIME_DIR: home,
  };
}

async function run(flags: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(NODE, [CODE_SERVER, ...flags], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const [code] = await once(child, "exit");
  if (code !== 0) {
    throw new Error(`code-server ended with ${String(code)}:\n${output}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
