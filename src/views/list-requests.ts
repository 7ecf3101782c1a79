import type { Disposable } from "vscode";
import type { Messenger } from "vscode-messenger";
import type { CancellationToken, MessageParticipant } from "vscode-messenger-common";
import type { Compute } from "../project/compute.ts";
import type { Session } from "../project/session.ts";
import { Superseding } from "../project/superseding.ts";
import { checkFilter, getHistogram, getNeighbours, getPair, getRows } from "../protocol/panel.ts";
import { reply } from "./reply.ts";

/** Examples for and against a label that the panel shows. */
const NEIGHBOURS = 3;

/** Serves what the panel asks about the lists of the shown run. */
export function serveLists(
  messenger: Messenger,
  compute: Compute,
  session: Session,
): readonly Disposable[] {
  // What a panel asks for in the place of something else, such as another filter, ends that.
  const superseding = new Superseding();
  const signalFor = (what: string, wanted: unknown, page: MessageParticipant) =>
    superseding.signal(`${idOf(page)} ${what}`, JSON.stringify(wanted));
  // Neighbours are computed, one question at a time: what a person starts does not wait for them.
  let started = new AbortController();
  return [
    messenger.onRequest(getRows, ({ offset, limit, ...list }, page) => {
      const signal = signalFor(`rows ${list.view}`, list, page);
      const request = () => ({ ...list, offset, limit, root: session.rootOf(list.runId) });
      return reply(async () => compute.request("rows", request(), { signal }), signal);
    }),
    messenger.onRequest(getPair, (request) =>
      reply(async () =>
        compute.request("pair", { ...request, root: session.rootOf(request.runId) }),
      ),
    ),
    messenger.onRequest(checkFilter, (request, page) => {
      // Reading ahead ends no check that is under way.
      const signal = signalFor(request.readAhead ?? "check", request, page);
      const asked = () => ({ ...request, root: session.rootOf(request.runId) });
      return reply(async () => compute.request("checkFilter", asked(), { signal }), signal);
    }),
    messenger.onRequest(getHistogram, (request, page) => {
      const signal = signalFor("histogram", request, page);
      const asked = () => ({ ...request, root: session.rootOf(request.runId) });
      return reply(async () => compute.request("histogram", asked(), { signal }), signal);
    }),
    messenger.onRequest(getNeighbours, ({ runId, example }, page, token) => {
      const signal = AbortSignal.any([
        signalFor("neighbours", { runId, example }, page),
        signalOf(token),
        started.signal,
      ]);
      const asked = () => ({
        root: session.rootOf(runId),
        example: { ...example, dataset: "train" },
        limit: NEIGHBOURS,
      });
      return reply(async () => compute.request("neighbours", asked(), { signal }), signal);
    }),
    session.onDidChangePanel(({ kind }) => {
      if (kind === "computing") {
        started.abort();
        started = new AbortController();
      }
    }),
  ];
}

/** Tells the pages of the panel apart. */
function idOf(page: MessageParticipant): string {
  return "webviewId" in page ? page.webviewId : "";
}

function signalOf(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) {
    controller.abort();
  }
  token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}
