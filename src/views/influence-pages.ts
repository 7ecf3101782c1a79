import { commands, type Uri, type WebviewPanel, type WebviewView } from "vscode";
import type { Compute } from "../project/compute.ts";
import { Owner } from "../project/disposable.ts";
import { showError } from "../project/messages.ts";
import type { Reviews } from "../project/reviews.ts";
import type { Session } from "../project/session.ts";
import type { GivenExample } from "../protocol/examples.ts";
import type { ListRequest, RankedView } from "../protocol/lists.ts";
import {
  cancel,
  earlyRanked,
  explainGiven,
  explainLabel,
  goBack,
  listShown,
  type PanelCommand,
  reveal,
  reviewsChanged,
  runCommand,
  stateChanged,
} from "../protocol/panel.ts";
import { serveLists } from "./list-requests.ts";
import { loadPanel } from "./panel-page.ts";
import { Panels } from "./panels.ts";
import { pickImage } from "./pick-image.ts";
import { reply } from "./reply.ts";
import { revealPlace } from "./reveal.ts";
import { serveReviews } from "./review-requests.ts";
import { serveTestSet, type TestSetActions } from "./test-set-requests.ts";

const PANEL_COMMANDS: ReadonlySet<PanelCommand> = new Set<PanelCommand>([
  "tracin.explainPrediction",
  "tracin.explainTestSet",
  "tracin.findMislabelled",
  "tracin.applyReviews",
  "tracin.setUpWorkspace",
  "tracin.openSample",
  "tracin.showLog",
]);

/** What the pages of the panel can start. */
export interface PanelActions extends TestSetActions {
  /** Asks for the shown query again with another label. */
  explainAgain(
    run: { readonly root: string; readonly runId: string },
    label: "target" | "prediction" | number,
  ): Promise<void>;
  /** Explains an example that stands in no dataset. */
  explainGiven(root: string, given: GivenExample): Promise<void>;
}

/** The pages of the Influence panel: they are sent what the session shows, and what they ask for is served. */
export class InfluencePages extends Owner {
  private readonly panels = this.own(
    new Panels(() => {
      this.post();
      this.postEarly();
      void this.session.restore().then(() => this.showReviews());
      this.warmUp();
    }),
  );
  private list: Omit<ListRequest, "root"> | undefined;

  constructor(
    private readonly extension: Uri,
    private readonly compute: Compute,
    private readonly session: Session,
    private readonly reviews: Reviews,
    private readonly actions: PanelActions,
  ) {
    super();
    this.own(
      session.onDidChangePanel(() => {
        this.post();
        void this.showReviews();
        this.warmUp();
      }),
    );
    this.own(session.onDidChangeEarly(() => this.postEarly()));
    this.own(reviews.onDidChange(() => this.postReviews()));
    this.listen();
  }

  /** The list that a page has shown last, with its filter and order. */
  get shown(): Omit<ListRequest, "root"> | undefined {
    return this.list;
  }

  /** Loads a page. */
  load(page: WebviewView | WebviewPanel, place: "sidebar" | "editor"): void {
    this.panels.connect(page);
    loadPanel(page.webview, this.extension, place);
  }

  /** Shows one of the lists of the run in a page. */
  showList(page: WebviewView | WebviewPanel, view: RankedView): void {
    this.panels.showList(page, view);
  }

  private post(): void {
    this.panels.send(stateChanged, this.session.state);
  }

  /** While a page waits for a question, the compute process gets ready for it. */
  private warmUp(): void {
    const { awaited } = this.session;
    if (awaited !== undefined && this.panels.isReady) {
      this.compute.warmUp(awaited, false);
    }
  }

  private postEarly(): void {
    this.panels.send(earlyRanked, { ranking: this.session.early });
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
    if (root !== undefined) {
      this.panels.send(reviewsChanged, {
        list: this.reviews.ofDataset(root, "train"),
        undoable: this.reviews.undoable(root),
      });
    }
  }

  private listen(): void {
    const { messenger } = this.panels;
    const { compute, session, reviews } = this;
    for (const listener of [
      ...serveLists(messenger, compute, session),
      ...serveReviews(messenger, compute, session, reviews),
      ...serveTestSet(messenger, compute, session, this.actions),
    ]) {
      this.own(listener);
    }
    this.own(
      messenger.onNotification(listShown, (list) => {
        this.list = list;
      }),
    );
    this.own(
      messenger.onNotification(reveal, async ({ place, what }) => {
        const { root } = session;
        if (root !== undefined) {
          await revealPlace(root, place, what).catch(showError);
        }
      }),
    );
    this.own(
      messenger.onRequest(explainGiven, ({ given, image }) =>
        reply(async () => {
          const root = session.run?.root;
          const { state } = session;
          const form = state.kind === "run" ? state.form : undefined;
          const files = image ? await pickImage({ mask: form?.mask ?? false }) : {};
          if (root === undefined || files === undefined) {
            return false;
          }
          const example = { ...given, ...files };
          await compute.request("checkExample", { root, given: example });
          void this.actions.explainGiven(root, example).catch(showError);
          return true;
        }),
      ),
    );
    this.own(
      messenger.onNotification(explainLabel, async ({ runId, explain }) => {
        const { run } = session;
        if (run?.runId === runId) {
          await this.actions.explainAgain(run, explain).catch(showError);
        }
      }),
    );
    this.own(
      messenger.onNotification(runCommand, async ({ command }) => {
        if (PANEL_COMMANDS.has(command)) {
          await commands.executeCommand(command);
        }
      }),
    );
    this.own(messenger.onNotification(cancel, () => session.cancel()));
    this.own(messenger.onNotification(goBack, () => session.goBack()));
  }
}
