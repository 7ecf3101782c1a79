import {
  commands,
  l10n,
  Uri,
  ViewColumn,
  type WebviewPanel,
  type WebviewPanelSerializer,
  type WebviewView,
  type WebviewViewProvider,
  window,
} from "vscode";
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

/** Asks for the shown query again with another label. */
export type ExplainAgain = (
  run: { readonly root: string; readonly runId: string },
  label: "target" | "prediction" | number,
) => Promise<void>;

/** Explains an example that stands in no dataset. */
export type ExplainGiven = (root: string, given: GivenExample) => Promise<void>;

const PANEL_COMMANDS: ReadonlySet<PanelCommand> = new Set<PanelCommand>([
  "tracin.explainPrediction",
  "tracin.explainTestSet",
  "tracin.findMislabelled",
  "tracin.applyReviews",
  "tracin.setUpWorkspace",
  "tracin.openSample",
  "tracin.showLog",
]);

/** The Influence panel, which shows the session's state: a view in the side bar, and as an editor if wished. */
export class InfluenceView extends Owner implements WebviewViewProvider, WebviewPanelSerializer {
  static readonly id = "tracin.influence";
  /** View type of the editor. */
  static readonly editor = "tracin.influenceEditor";

  private readonly panels = this.own(
    new Panels(() => {
      this.post();
      this.postEarly();
      void this.session.restore().then(() => this.showReviews());
    }),
  );
  private view: WebviewView | undefined;
  private shown: Omit<ListRequest, "root"> | undefined;
  private tab: WebviewPanel | undefined;

  constructor(
    private readonly extension: Uri,
    private readonly compute: Compute,
    private readonly session: Session,
    private readonly explainAgain: ExplainAgain,
    private readonly explainGiven: ExplainGiven,
    private readonly testSets: TestSetActions,
    private readonly reviews: Reviews,
  ) {
    super();
    this.own(window.registerWebviewViewProvider(InfluenceView.id, this));
    this.own(window.registerWebviewPanelSerializer(InfluenceView.editor, this));
    this.own(session.onDidChangePanel(() => this.post()));
    this.own(session.onDidChangeEarly(() => this.postEarly()));
    this.own(reviews.onDidChange(() => this.postReviews()));
    this.own(session.onDidChangePanel(() => void this.showReviews()));
    this.listen();
  }

  resolveWebviewView(view: WebviewView): void {
    this.view = view;
    this.panels.connect(view);
    view.onDidDispose(() => {
      if (this.view === view) {
        this.view = undefined;
      }
    });
    loadPanel(view.webview, this.extension, "sidebar");
  }

  /** After a restart: the page itself has kept what it looked like. */
  async deserializeWebviewPanel(tab: WebviewPanel): Promise<void> {
    this.attach(tab);
  }

  /** Opens the panel as an editor; there is one at most. */
  openEditor(): WebviewPanel {
    if (this.tab) {
      this.tab.reveal();
      return this.tab;
    }
    const title = l10n.t("Influence");
    const tab = window.createWebviewPanel(InfluenceView.editor, title, ViewColumn.Active);
    this.attach(tab);
    return tab;
  }

  /** The list that a panel has shown last of a run, with its filter and order. */
  shownList(runId: string): Omit<ListRequest, "root"> | undefined {
    return this.shown?.runId === runId ? this.shown : undefined;
  }

  /** Shows the panel without taking the focus where that is possible: where it is open, else in the side bar. */
  async reveal(): Promise<void> {
    if (this.tab) {
      this.tab.reveal(undefined, true);
    } else if (this.view) {
      this.view.show(true);
    } else {
      await this.focus();
    }
  }

  /** Shows the panel with one of the lists of the run, and puts the focus in it. */
  async focusList(view: RankedView): Promise<void> {
    if (!this.tab) {
      await this.focus();
    }
    this.tab?.reveal();
    const shown = this.tab ?? this.view;
    if (shown) {
      this.panels.showList(shown, view);
    }
  }

  /** Shows the view in the side bar and puts the focus in it. */
  async focus(): Promise<void> {
    await commands.executeCommand(`${InfluenceView.id}.focus`);
  }

  private attach(tab: WebviewPanel): void {
    this.tab?.dispose();
    this.tab = tab;
    const icon = (theme: string) =>
      Uri.joinPath(this.extension, "media", "marks", `tab-${theme}.svg`);
    tab.iconPath = { light: icon("light"), dark: icon("dark") };
    this.panels.connect(tab);
    tab.onDidDispose(() => {
      if (this.tab === tab) {
        this.tab = undefined;
      }
    });
    loadPanel(tab.webview, this.extension, "editor");
  }

  private post(): void {
    this.panels.send(stateChanged, this.session.state);
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
      ...serveTestSet(messenger, compute, session, this.testSets),
    ]) {
      this.own(listener);
    }
    this.own(
      messenger.onNotification(listShown, (list) => {
        this.shown = list;
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
          const file = image ? await pickImage() : undefined;
          if (root === undefined || (image && file === undefined)) {
            return false;
          }
          const example = { ...given, ...(file === undefined ? {} : { image: file }) };
          await compute.request("checkExample", { root, given: example });
          void this.explainGiven(root, example).catch(showError);
          return true;
        }),
      ),
    );
    this.own(
      messenger.onNotification(explainLabel, async ({ runId, explain }) => {
        const { run } = session;
        if (run?.runId === runId) {
          await this.explainAgain(run, explain).catch(showError);
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
  }
}
