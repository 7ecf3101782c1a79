import { EventEmitter, Uri, window, workspace } from "vscode";
import { TracInError } from "../core/errors.ts";
import type { ExampleRef } from "../protocol/examples.ts";
import {
  type GivenDecision,
  isInData,
  type Review,
  type ReviewItem,
  type Reviews as ReviewList,
  type ReviewsReply,
  type SuggestedItem,
} from "../protocol/reviews.ts";
import type { Compute } from "./compute.ts";
import { Owner } from "./disposable.ts";
import type { Projects } from "./projects.ts";

interface Loaded extends ReviewList {
  readonly byIndex: ReadonlyMap<string, Review>;
  readonly byContent: ReadonlyMap<string, Review>;
}

const NOTHING: Loaded = {
  reviews: [],
  undoable: 0,
  warnings: [],
  byIndex: new Map(),
  byContent: new Map(),
};

/** The decisions about examples, of every project; `.tracin/reviews.jsonl` is the truth. */
export class Reviews extends Owner {
  private readonly loaded = new Map<string, Loaded>();
  private readonly warned = new Set<string>();
  private readonly changed = this.own(new EventEmitter<string>());
  /** The decisions of a project (its root), or how they stand to the data, have changed. */
  readonly onDidChange = this.changed.event;

  constructor(
    private readonly compute: Compute,
    projects: Projects,
  ) {
    super();
    const watcher = this.own(workspace.createFileSystemWatcher("**/.tracin/reviews.jsonl"));
    for (const event of [watcher.onDidCreate, watcher.onDidChange, watcher.onDidDelete]) {
      this.own(event((uri) => void this.refresh(Uri.joinPath(uri, "..", "..").fsPath)));
    }
    this.own(projects.onDidChangeInputs((root) => void this.refresh(root)));
  }

  /** All decisions of a project that stand, as last read; empty until {@link load}. */
  all(root: string): readonly Review[] {
    return (this.loaded.get(root) ?? NOTHING).reviews;
  }

  /** The decisions about examples of a dataset, those that are no longer in it among them. */
  ofDataset(root: string, dataset: string): readonly Review[] {
    return this.all(root).filter((review) => review.dataset === dataset);
  }

  /** How many examples {@link undo} would take a decision back for. */
  undoable(root: string): number {
    return (this.loaded.get(root) ?? NOTHING).undoable;
  }

  /**
   * The decision about an example, as last read. With `content` (of a row of a run, or of a mark) it is found although
   * rows have moved since, and no other row is taken for it.
   */
  decisionOf(root: string, { dataset, index, content }: ReviewItem): Review | undefined {
    const { byIndex, byContent } = this.loaded.get(root) ?? NOTHING;
    const there = byIndex.get(indexKey({ dataset, index }));
    return content === undefined || there?.content === content
      ? there
      : byContent.get(`${dataset}\0${content}`);
  }

  /** Reads the decisions of a project, unless they are known. */
  async load(root: string): Promise<void> {
    if (!this.loaded.has(root)) {
      this.take(root, await this.compute.request("reviews", { root }));
    }
  }

  /**
   * Decides about some examples together, or takes their decisions back. Returns what was skipped, because it has
   * changed since the run. Throws a `TracInError` when the decision cannot be saved.
   */
  async decide(
    root: string,
    items: readonly SuggestedItem[],
    decision: GivenDecision | { readonly kind: "undo" },
  ): Promise<ReviewsReply["skipped"]> {
    const reply = await this.compute.request("decide", { root, items, decision });
    this.take(root, reply);
    return reply.skipped;
  }

  /** Takes the latest decision back, of all examples that it was taken about. */
  async undo(root: string): Promise<void> {
    this.take(root, await this.compute.request("undoReview", { root }));
  }

  /** Reads the decisions again where somebody has asked for them before. */
  async refresh(root: string): Promise<void> {
    if (!this.loaded.has(root)) {
      return;
    }
    try {
      this.take(root, await this.compute.request("reviews", { root }));
    } catch (error) {
      // A project that cannot be opened now tells so where it is used; decisions stay as last read.
      if (TracInError.from(error).kind === "internal") {
        throw error;
      }
    }
  }

  private take(root: string, reply: ReviewList): void {
    const there = reply.reviews.filter(isInData);
    const byIndex = new Map(there.map((review) => [indexKey(review), review] as const));
    const byContent = new Map(
      reply.reviews.map((review) => [`${review.dataset}\0${review.content}`, review] as const),
    );
    this.loaded.set(root, { ...reply, byIndex, byContent });
    for (const warning of reply.warnings) {
      if (!this.warned.has(warning)) {
        this.warned.add(warning);
        void window.showWarningMessage(warning);
      }
    }
    this.changed.fire(root);
  }
}

function indexKey({ dataset, index }: ExampleRef): string {
  return `${dataset}\0${index}`;
}
