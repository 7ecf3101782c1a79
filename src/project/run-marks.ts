import { workspace } from "vscode";
import type { Mark } from "../protocol/lists.ts";
import type { Compute } from "./compute.ts";
import { Owner } from "./disposable.ts";
import type { RunRef } from "./session.ts";
import { annotationSettings } from "./settings.ts";

/** The marks of the shown run; asked for once per run. */
export class RunMarks extends Owner {
  private known: { readonly runId: string; readonly marks: Promise<readonly Mark[]> } | undefined;

  constructor(private readonly compute: Compute) {
    super();
    this.own(
      workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("tracin.annotations.limit")) {
          this.forget();
        }
      }),
    );
  }

  async of(ref: RunRef): Promise<readonly Mark[]> {
    if (this.known?.runId !== ref.runId) {
      const marks = this.compute.request("marks", { ...ref, limit: annotationSettings().limit });
      this.known = { runId: ref.runId, marks };
      marks.catch(() => {
        // Asked for again when something wants to show them.
        if (this.known?.marks === marks) {
          this.forget();
        }
      });
    }
    return this.known?.marks ?? [];
  }

  /** They are asked for again. */
  forget(): void {
    this.known = undefined;
  }
}
