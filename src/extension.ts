import { type ExtensionContext, l10n, Uri, window } from "vscode";
import { ImageBadges } from "./annotations/badges.ts";
import { RowLenses } from "./annotations/lenses.ts";
import { MarkedDocuments } from "./annotations/marked-documents.ts";
import { SuspectProblems } from "./annotations/problems.ts";
import { SuspectFixes } from "./annotations/quick-fixes.ts";
import { RowAnnotations } from "./annotations/rows.ts";
import { ShownMarks } from "./annotations/shown-marks.ts";
import { explain, queriesAgain } from "./commands/explain-prediction.ts";
import { explainSlice } from "./commands/explain-test-set.ts";
import { registerCommands } from "./commands/index.ts";
import { Compute } from "./project/compute.ts";
import { Projects } from "./project/projects.ts";
import { Reviews } from "./project/reviews.ts";
import type { Services } from "./project/services.ts";
import { Session } from "./project/session.ts";
import { CheckpointsView } from "./views/checkpoints.ts";
import { InfluenceView } from "./views/influence.ts";
import { RunsView } from "./views/runs.ts";
import { Status } from "./views/status.ts";

/** Registers views, commands and annotations. Starts no process and reads no data. */
export async function activate(context: ExtensionContext): Promise<void> {
  try {
    const services = register(context);
    await services.projects.refresh();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    void window.showErrorMessage(l10n.t("TracIn could not start: {0}", message));
    throw error;
  }
}

function register(context: ExtensionContext): Services {
  const own = <T extends { dispose(): unknown }>(thing: T): T => {
    context.subscriptions.push(thing);
    return thing;
  };
  const log = own(window.createOutputChannel("TracIn", { log: true }));
  const compute = own(
    new Compute(
      context.asAbsolutePath("dist/compute.js"),
      Uri.joinPath(context.globalStorageUri, "tensorflow").fsPath,
      log,
    ),
  );
  const projects = own(new Projects());
  const session = own(new Session(compute, projects, context.workspaceState));
  const reviews = own(new Reviews(compute, projects));
  const influence = own(
    new InfluenceView(context.extensionUri, compute, session, reviews, {
      explainAgain: async ({ root }, label) => {
        const { state } = session;
        if (state.kind === "run") {
          await explain(services, root, queriesAgain(state.run), label);
        }
      },
      explainGiven: (root, given) => explain(services, root, [{ given }], "target"),
      explainSlice: (root, dataset, slice) => explainSlice(services, root, dataset, slice),
      explainExample: (root, dataset, index) =>
        explain(services, root, [{ dataset, index }], "target"),
    }),
  );
  own(new Status(session));
  const checkpoints = own(new CheckpointsView(compute, projects));
  const runs = own(new RunsView(compute, projects, session));
  own(
    compute.onDidEnd(() => {
      checkpoints.refresh();
      runs.refresh();
    }),
  );
  const marks = own(new ShownMarks(session, reviews));
  const documents = own(new MarkedDocuments(marks, projects));
  const rows = own(new RowAnnotations(session, projects, marks, documents, context.extensionUri));
  own(new RowLenses(marks, documents));
  own(new SuspectProblems(marks, documents, projects));
  own(new SuspectFixes(compute, marks, documents));
  own(new ImageBadges(marks));
  const services: Services = {
    context,
    log,
    compute,
    projects,
    session,
    reviews,
    influence,
    checkpoints,
    runs,
    marks,
    rows,
  };
  context.subscriptions.push(...registerCommands(services));
  return services;
}
