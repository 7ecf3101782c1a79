import type { ExtensionContext, LogOutputChannel } from "vscode";
import type { RowAnnotations } from "../annotations/rows.ts";
import type { ShownMarks } from "../annotations/shown-marks.ts";
import type { CheckpointsView } from "../views/checkpoints.ts";
import type { InfluenceView } from "../views/influence.ts";
import type { RunsView } from "../views/runs.ts";
import type { Compute } from "./compute.ts";
import type { Projects } from "./projects.ts";
import type { Reviews } from "./reviews.ts";
import type { Session } from "./session.ts";

/** What the commands work with; made once by `activate`. */
export interface Services {
  readonly context: ExtensionContext;
  readonly log: LogOutputChannel;
  readonly compute: Compute;
  readonly projects: Projects;
  readonly session: Session;
  readonly reviews: Reviews;
  readonly influence: InfluenceView;
  readonly checkpoints: CheckpointsView;
  readonly runs: RunsView;
  readonly marks: ShownMarks;
  readonly rows: RowAnnotations;
}
