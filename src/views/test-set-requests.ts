import type { Disposable } from "vscode";
import type { Messenger } from "vscode-messenger";
import { TracInError } from "../core/errors.ts";
import type { Compute } from "../project/compute.ts";
import { showError } from "../project/messages.ts";
import type { Session } from "../project/session.ts";
import {
  checkTestFilter,
  explainSlice,
  explainTest,
  getTestHistogram,
  getTestRows,
} from "../protocol/panel.ts";
import type { TestSetSummary, TestSlice } from "../protocol/test-set.ts";
import { reply } from "./reply.ts";

/** What the panel starts about the test set that it shows. */
export interface TestSetActions {
  explainSlice(root: string, dataset: string, slice: TestSlice): Promise<void>;
  explainExample(root: string, dataset: string, index: number): Promise<void>;
}

/** Serves what the panel asks about the test set of the shown run. */
export function serveTestSet(
  messenger: Messenger,
  compute: Compute,
  session: Session,
  actions: TestSetActions,
): readonly Disposable[] {
  const shown = (runId: string): { root: string; testSet: TestSetSummary } => {
    const { run, state } = session;
    const testSet = state.kind === "run" && state.run.id === runId ? state.run.testSet : undefined;
    if (run?.runId !== runId || testSet === undefined) {
      throw new TracInError("cancelled", "Another run is shown by now.");
    }
    return { root: run.root, testSet };
  };
  const start = async (
    runId: string,
    action: (root: string, dataset: string) => Promise<void>,
  ): Promise<void> => {
    try {
      const { root, testSet } = shown(runId);
      await action(root, testSet.dataset);
    } catch (error) {
      if (TracInError.from(error).kind !== "cancelled") {
        await showError(error);
      }
    }
  };
  return [
    messenger.onRequest(getTestRows, (request) =>
      reply(async () =>
        compute.request("testRows", { ...request, root: shown(request.runId).root }),
      ),
    ),
    messenger.onRequest(getTestHistogram, (request) =>
      reply(async () =>
        compute.request("testHistogram", { ...request, root: shown(request.runId).root }),
      ),
    ),
    messenger.onRequest(checkTestFilter, (request) =>
      reply(async () =>
        compute.request("checkTestFilter", { ...request, root: shown(request.runId).root }),
      ),
    ),
    messenger.onNotification(explainSlice, ({ runId, slice }) =>
      start(runId, (root, dataset) => actions.explainSlice(root, dataset, slice)),
    ),
    messenger.onNotification(explainTest, ({ runId, index }) =>
      start(runId, (root, dataset) => actions.explainExample(root, dataset, index)),
    ),
  ];
}
