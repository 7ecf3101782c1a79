import { type Disposable, l10n, window } from "vscode";
import type { Messenger } from "vscode-messenger";
import type { Compute } from "../project/compute.ts";
import type { Reviews } from "../project/reviews.ts";
import type { Session } from "../project/session.ts";
import { skipText } from "../project/skip-text.ts";
import { decide, decideShown, undoReview } from "../protocol/panel.ts";
import type { Decision } from "../protocol/reviews.ts";
import { decideShown as decideAboutShown } from "./decide-shown.ts";
import { reply } from "./reply.ts";

/** Serves the decisions that are taken in the panel about examples of the shown run. */
export function serveReviews(
  messenger: Messenger,
  compute: Compute,
  session: Session,
  reviews: Reviews,
): readonly Disposable[] {
  return [
    messenger.onRequest(decide, ({ runId, items, decision }) =>
      reply(async () => {
        const root = session.rootOf(runId);
        const chosen = decision.kind === "pick" ? await pickLabel(session) : decision;
        const skipped =
          chosen &&
          (await reviews.decide(
            root,
            items.map((item) => ({ ...item, dataset: "train" })),
            chosen,
          ));
        return {
          decision: chosen,
          skipped: skipped?.map(({ reason }) => skipText(reason)) ?? [],
        };
      }),
    ),
    messenger.onRequest(decideShown, (list) =>
      reply(async () =>
        decideAboutShown(compute, reviews, { ...list, root: session.rootOf(list.runId) }),
      ),
    ),
    messenger.onRequest(undoReview, () =>
      reply(async () => {
        const root = session.run?.root;
        if (root !== undefined) {
          await reviews.undo(root);
        }
      }),
    ),
  ];
}

async function pickLabel({ state }: Session): Promise<Decision | undefined> {
  const labels = state.kind === "run" ? state.labels : undefined;
  const title = l10n.t("Relabel to");
  const to =
    labels === undefined
      ? await window.showInputBox({ title })
      : await window.showQuickPick([...labels], { title });
  return to === undefined ? undefined : { kind: "relabel", to };
}
