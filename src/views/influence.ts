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
import type { Reviews } from "../project/reviews.ts";
import type { Session } from "../project/session.ts";
import type { ListRequest, RankedView } from "../protocol/lists.ts";
import type { InfluencePages, PanelActions } from "./influence-pages.ts";

/** The Influence panel, which shows the session's state: a view in the side bar, and as an editor if wished. */
export class InfluenceView extends Owner implements WebviewViewProvider, WebviewPanelSerializer {
  static readonly id = "tracin.influence";
  /** View type of the editor. */
  static readonly editor = "tracin.influenceEditor";

  /** Made with the first page: many windows never show one. */
  private pages: InfluencePages | undefined;
  private view: WebviewView | undefined;
  private tab: WebviewPanel | undefined;

  constructor(
    private readonly extension: Uri,
    private readonly compute: Compute,
    private readonly session: Session,
    private readonly reviews: Reviews,
    private readonly actions: PanelActions,
  ) {
    super();
    this.own(window.registerWebviewViewProvider(InfluenceView.id, this));
    this.own(window.registerWebviewPanelSerializer(InfluenceView.editor, this));
  }

  async resolveWebviewView(view: WebviewView): Promise<void> {
    this.view = view;
    view.onDidDispose(() => {
      if (this.view === view) {
        this.view = undefined;
      }
    });
    (await this.served()).load(view, "sidebar");
  }

  /** After a restart: the page itself has kept what it looked like. */
  async deserializeWebviewPanel(tab: WebviewPanel): Promise<void> {
    await this.attach(tab);
  }

  /** Opens the panel as an editor; there is one at most. */
  async openEditor(): Promise<void> {
    if (this.tab) {
      this.tab.reveal();
      return;
    }
    const title = l10n.t("Influence");
    await this.attach(window.createWebviewPanel(InfluenceView.editor, title, ViewColumn.Active));
  }

  /** The list that a panel has shown last of a run, with its filter and order. */
  shownList(runId: string): Omit<ListRequest, "root"> | undefined {
    const shown = this.pages?.shown;
    return shown?.runId === runId ? shown : undefined;
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
      (await this.served()).showList(shown, view);
    }
  }

  /** Shows the view in the side bar and puts the focus in it. */
  async focus(): Promise<void> {
    await commands.executeCommand(`${InfluenceView.id}.focus`);
  }

  private async attach(tab: WebviewPanel): Promise<void> {
    this.tab?.dispose();
    this.tab = tab;
    const icon = (theme: string) =>
      Uri.joinPath(this.extension, "media", "marks", `tab-${theme}.svg`);
    tab.iconPath = { light: icon("light"), dark: icon("dark") };
    tab.onDidDispose(() => {
      if (this.tab === tab) {
        this.tab = undefined;
      }
    });
    (await this.served()).load(tab, "editor");
  }

  private async served(): Promise<InfluencePages> {
    const { InfluencePages } = await import("./influence-pages.ts");
    this.pages ??= this.own(
      new InfluencePages(this.extension, this.compute, this.session, this.reviews, this.actions),
    );
    return this.pages;
  }
}
