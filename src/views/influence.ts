import { randomBytes } from "node:crypto";
import {
  commands,
  l10n,
  Uri,
  type Webview,
  type WebviewView,
  type WebviewViewProvider,
  window,
} from "vscode";
import { Messenger } from "vscode-messenger";
import type { WebviewIdMessageParticipant } from "vscode-messenger-common";
import { TracInError } from "../core/errors.ts";
import type { Compute } from "../project/compute.ts";
import { Owner } from "../project/disposable.ts";
import { showError } from "../project/messages.ts";
import type { Reviews } from "../project/reviews.ts";
import type { Session } from "../project/session.ts";
import type { RankedView } from "../protocol/lists.ts";
import {
  cancel,
  checkFilter,
  decide,
  explainLabel,
  getHistogram,
  getRows,
  type PanelCommand,
  type PanelReply,
  ready,
  reveal,
  reviewsChanged,
  runCommand,
  showView,
  stateChanged,
  undoReview,
} from "../protocol/panel.ts";
import type { Decision } from "../protocol/reviews.ts";
import { revealPlace } from "./reveal.ts";

/** Asks for the shown query again with another label. */
export type ExplainAgain = (
  run: { readonly root: string; readonly runId: string },
  label: "target" | "prediction" | number,
) => Promise<void>;

const PANEL_COMMANDS: ReadonlySet<PanelCommand> = new Set<PanelCommand>([
  "tracin.explainPrediction",
  "tracin.findMislabelled",
  "tracin.setUpWorkspace",
  "tracin.openSample",
  "tracin.showLog",
]);

/** The Influence panel: a webview that shows the session's state. */
export class InfluenceView extends Owner implements WebviewViewProvider {
  static readonly id = "tracin.influence";

  private readonly messenger = new Messenger({ ignoreHiddenViews: false });
  private view: WebviewView | undefined;
  private participant: WebviewIdMessageParticipant | undefined;

  constructor(
    private readonly extension: Uri,
    private readonly compute: Compute,
    private readonly session: Session,
    private readonly explainAgain: ExplainAgain,
    private readonly reviews: Reviews,
  ) {
    super();
    this.own(window.registerWebviewViewProvider(InfluenceView.id, this));
    this.own(session.onDidChangePanel(() => this.post()));
    this.own(reviews.onDidChange(() => this.postReviews()));
    this.own(session.onDidChangePanel(() => void this.showReviews()));
    this.listen();
  }

  resolveWebviewView(view: WebviewView): void {
    this.view = view;
    // Until the page says that it is ready nothing is sent; the answer to `ready` is the whole state.
    this.participant = undefined;
    const bundle = Uri.joinPath(this.extension, "dist", "webview");
    view.webview.options = { enableScripts: true, localResourceRoots: [bundle] };
    const participant = this.messenger.registerWebviewView(view);
    const listener = this.messenger.onNotification(
      ready,
      async () => {
        this.participant = participant;
        this.post();
        await this.session.restore();
        await this.showReviews();
      },
      { sender: participant },
    );
    view.onDidDispose(() => {
      listener.dispose();
      if (this.view === view) {
        this.view = undefined;
        this.participant = undefined;
      }
    });
    view.webview.html = page(view.webview, bundle);
  }

  /** Shows the view without taking the focus where that is possible. */
  async reveal(): Promise<void> {
    if (this.view) {
      this.view.show(true);
    } else {
      await this.focus();
    }
  }

  /** Shows the view with one of the lists of the run, and puts the focus in it. */
  async focusList(view: RankedView): Promise<void> {
    await this.focus();
    if (this.participant) {
      this.messenger.sendNotification(showView, this.participant, { view });
    }
  }

  /** Shows the view and puts the focus in it. */
  async focus(): Promise<void> {
    await commands.executeCommand(`${InfluenceView.id}.focus`);
  }

  private async pickLabel(): Promise<Decision | undefined> {
    const { state } = this.session;
    const labels = state.kind === "run" ? state.labels : undefined;
    const title = l10n.t("Relabel to");
    const to =
      labels === undefined
        ? await window.showInputBox({ title })
        : await window.showQuickPick([...labels], { title });
    return to === undefined ? undefined : { kind: "relabel", to };
  }

  private post(): void {
    if (this.participant) {
      this.messenger.sendNotification(stateChanged, this.participant, this.session.state);
    }
  }

  /** Reads the decisions of the shown run's project, and sends them. */
  private async showReviews(): Promise<void> {
    const root = this.session.state.kind === "run" ? this.session.run?.root : undefined;
    if (root !== undefined) {
      await this.reviews.load(root).catch(() => undefined); // told where somebody decides
      this.postReviews();
    }
  }

  private postReviews(): void {
    const root = this.session.run?.root;
    if (this.participant && root !== undefined) {
      this.messenger.sendNotification(reviewsChanged, this.participant, {
        list: this.reviews.ofDataset(root, "train"),
        undoable: this.reviews.undoable(root),
      });
    }
  }

  private listen(): void {
    const rootOf = (runId: string): string => {
      const run = this.session.run;
      if (run?.runId !== runId) {
        throw new TracInError("cancelled", "Another run is shown by now.");
      }
      return run.root;
    };
    this.own(
      this.messenger.onRequest(decide, ({ runId, items, decision }) =>
        reply(async () => {
          const { run } = this.session;
          if (run?.runId !== runId) {
            throw new TracInError("cancelled", "Another run is shown by now.");
          }
          const chosen = decision.kind === "pick" ? await this.pickLabel() : decision;
          const skipped =
            chosen &&
            (await this.reviews.decide(
              run.root,
              items.map((item) => ({ ...item, dataset: "train" })),
              chosen,
            ));
          return { decision: chosen, skipped: skipped?.map(({ reason }) => reason) ?? [] };
        }),
      ),
    );
    this.own(
      this.messenger.onRequest(undoReview, () =>
        reply(async () => {
          const root = this.session.run?.root;
          if (root !== undefined) {
            await this.reviews.undo(root);
          }
        }),
      ),
    );
    this.own(
      this.messenger.onRequest(getRows, (request) =>
        reply(async () =>
          this.compute.request("rows", { ...request, root: rootOf(request.runId) }),
        ),
      ),
    );
    this.own(
      this.messenger.onRequest(checkFilter, (request) =>
        reply(async () =>
          this.compute.request("checkFilter", { ...request, root: rootOf(request.runId) }),
        ),
      ),
    );
    this.own(
      this.messenger.onRequest(getHistogram, (request) =>
        reply(async () =>
          this.compute.request("histogram", { ...request, root: rootOf(request.runId) }),
        ),
      ),
    );
    this.own(
      this.messenger.onNotification(reveal, async ({ place, what }) => {
        const run = this.session.run;
        if (run) {
          await revealPlace(run.root, place, what).catch(showError);
        }
      }),
    );
    this.own(
      this.messenger.onNotification(explainLabel, async ({ runId, explain }) => {
        const run = this.session.run;
        if (run?.runId === runId) {
          await this.explainAgain(run, explain).catch(showError);
        }
      }),
    );
    this.own(
      this.messenger.onNotification(runCommand, async ({ command }) => {
        if (PANEL_COMMANDS.has(command)) {
          await commands.executeCommand(command);
        }
      }),
    );
    this.own(this.messenger.onNotification(cancel, () => this.session.cancel()));
  }
}

/** An answer in any case: a page that waits for ever cannot say what is wrong. */
async function reply<T>(work: () => Promise<T>): Promise<PanelReply<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    const problem = TracInError.from(error);
    const where = new TracInError(problem.kind, problem.message, problem.place);
    return { ok: false, message: where.describe(), remedy: problem.remedy };
  }
}

function page(webview: Webview, bundle: Uri): string {
  const nonce = randomBytes(16).toString("base64");
  const script = webview.asWebviewUri(Uri.joinPath(bundle, "main.js")).toString();
  const style = webview.asWebviewUri(Uri.joinPath(bundle, "main.css")).toString();
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `img-src ${webview.cspSource} data: blob:`,
    `font-src ${webview.cspSource}`,
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="${policy}">
  <meta property="csp-nonce" content="${nonce}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="stylesheet" href="${style}">
  <title>TracIn Influence</title>
</head>
<body>
  <tracin-app></tracin-app>
  <script type="module" nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}
