import type { WebviewPanel, WebviewView } from "vscode";
import { Messenger } from "vscode-messenger";
import type { NotificationType, WebviewIdMessageParticipant } from "vscode-messenger-common";
import { Owner } from "../project/disposable.ts";
import type { RankedView } from "../protocol/lists.ts";
import { ready, showView } from "../protocol/panel.ts";

/** A page of the panel. */
interface PanelPage {
  readonly participant: WebviewIdMessageParticipant;
  /** Until the page says that it is ready nothing is sent to it. */
  isReady: boolean;
  /** A list to show as soon as it is ready. */
  list: RankedView | undefined;
}

/** The pages of the panel that are open, in the side bar and as an editor: all show the same. */
export class Panels extends Owner {
  readonly messenger = new Messenger({ ignoreHiddenViews: false });
  private readonly pages = new Map<WebviewView | WebviewPanel, PanelPage>();

  /**
   * @param onReady sends a page everything that it needs; called when it is loaded, also after it was hidden
   */
  constructor(private readonly onReady: () => void) {
    super();
  }

  /** Connects a page before it is loaded. */
  connect(container: WebviewView | WebviewPanel): void {
    const participant =
      "viewColumn" in container
        ? this.messenger.registerWebviewPanel(container)
        : this.messenger.registerWebviewView(container);
    const page: PanelPage = { participant, isReady: false, list: undefined };
    this.pages.set(container, page);
    const listener = this.messenger.onNotification(
      ready,
      () => {
        page.isReady = true;
        this.onReady();
        if (page.list !== undefined) {
          this.messenger.sendNotification(showView, participant, { view: page.list });
          page.list = undefined;
        }
      },
      { sender: participant },
    );
    container.onDidDispose(() => {
      listener.dispose();
      this.pages.delete(container);
    });
  }

  /** Whether there is a page to send to. */
  get isReady(): boolean {
    return [...this.pages.values()].some((page) => page.isReady);
  }

  /** Sends to every page that is ready. */
  send<T>(type: NotificationType<T>, params: T): void {
    for (const { participant, isReady } of this.pages.values()) {
      if (isReady) {
        this.messenger.sendNotification(type, participant, params);
      }
    }
  }

  /** Shows one of the lists of the run in a page, as soon as it is ready. */
  showList(container: WebviewView | WebviewPanel, view: RankedView): void {
    const page = this.pages.get(container);
    if (page?.isReady) {
      this.messenger.sendNotification(showView, page.participant, { view });
    } else if (page) {
      page.list = view;
    }
  }
}
