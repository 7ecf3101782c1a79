import { createReadStream } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { OperatorTimer } from "./engine.ts";

/** What the library writes for one run of one node; times are in microseconds. */
interface NodeEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/** The times that a session measures for each of its nodes; the library writes them into a file when it is told to end. */
export class SessionProfile {
  private constructor(private readonly folder: string) {}

  static async create(): Promise<SessionProfile> {
    return new SessionProfile(await mkdtemp(join(tmpdir(), "tracin-profile-")));
  }

  /** What the session is made with. */
  get options(): { readonly enableProfiling: true; readonly profileFilePrefix: string } {
    return { enableProfiling: true, profileFilePrefix: join(this.folder, "session") };
  }

  /** Tells of every node that ran, once the session has ended its profiling, and removes the file. */
  async report(onOperator: OperatorTimer): Promise<void> {
    for (const file of await readdir(this.folder)) {
      // One event on each line; a long computation has a million of them.
      const lines = createInterface({ input: createReadStream(join(this.folder, file)) });
      for await (const line of lines) {
        const event = parseEvent(line);
        if (event?.cat === "Node" && event.name.endsWith("_kernel_time")) {
          onOperator(event.args?.op_name ?? event.name, event.dur / 1e6);
        }
      }
    }
    await this.remove();
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

function parseEvent(line: string): NodeEvent | undefined {
  try {
    return JSON.parse(line.replace(/,\s*$/, "")) as NodeEvent;
  } catch {
    // The brackets around the list, and a last line that was cut off.
    return undefined;
  }
}
