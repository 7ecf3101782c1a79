import { stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { findCheckpoints } from "../core/checkpoints/discover.ts";
import { configFile, sourceFiles } from "../core/config/load.ts";
import { openProject } from "../core/config/open.ts";
import type { Project } from "../core/config/project.ts";
import { isImageFolder } from "../core/datasets/content.ts";
import { weightBytes } from "../core/models/model.ts";
import type { LayerChoice } from "../core/tracin/layers.ts";
import { attachScorer, closeScorer, type ScorerInUse } from "./scoring.ts";
import { type ComputeSettings, dataMemory, shareOf } from "./settings.ts";

interface Entry {
  readonly project: Project;
  /** Folders whose name is the label of their images. */
  readonly folders: readonly string[];
  /** Sizes and times of all inputs when it was opened. */
  readonly stamp: string;
  /** Opened when first needed. */
  scorer: Promise<ScorerInUse> | undefined;
  users: number;
  isStale: boolean;
}

/**
 * The open projects, one for each workspace folder. A project is opened when it is first used and opened again when
 * `tracin.json` or one of its inputs has changed; requests that still use the old one finish with it.
 */
export class Workspaces {
  private readonly entries = new Map<string, Promise<Entry>>();

  constructor(private readonly settings: ComputeSettings) {}

  /** Runs `action` with the project of a folder. */
  async useProject<Result>(
    root: string,
    action: (project: Project) => Promise<Result>,
  ): Promise<Result> {
    return this.use(root, ({ project }) => action(project));
  }

  /** Runs `action` with the project of a folder and its compiled model. */
  async useScorer<Result>(
    root: string,
    action: (opened: ScorerInUse) => Promise<Result>,
  ): Promise<Result> {
    return this.use(root, async (entry) => {
      entry.scorer ??= attachScorer(entry.project, {
        config: configFile,
        settings: this.settings,
      });
      try {
        return await action(await entry.scorer);
      } catch (error) {
        // A scorer that failed to open must not be found again.
        await entry.scorer?.catch(() => {
          entry.scorer = undefined;
        });
        throw error;
      }
    });
  }

  /** Runs `action` with the project of a folder and its model compiled for other layers. */
  async useLayers<Result>(
    root: string,
    layers: LayerChoice,
    action: (opened: ScorerInUse) => Promise<Result>,
  ): Promise<Result> {
    return this.use(root, async ({ project }) => {
      const settings = { ...this.settings, processes: 1, cores: 1 };
      const opened = await attachScorer(project, { config: configFile, settings, layers });
      try {
        const share = shareOf(this.settings, weightBytes(project.model));
        return await action({ ...opened, settings: this.settings, share });
      } finally {
        await closeScorer(opened);
      }
    });
  }

  private async use<Result>(
    root: string,
    action: (entry: Entry) => Promise<Result>,
  ): Promise<Result> {
    const entry = await this.current(root);
    try {
      return await action(entry);
    } finally {
      entry.users--;
      await closeUnused(entry);
    }
  }

  /** The entry of a folder, counted as used: another request may find it stale at any time. */
  private async current(root: string): Promise<Entry> {
    const known = this.entries.get(root);
    if (known !== undefined) {
      const entry = await known.catch(() => undefined);
      const stamp = entry && (await stampOf(entry.project, entry.folders).catch(() => ""));
      if (entry !== undefined && stamp === entry.stamp && !entry.isStale) {
        entry.users++;
        return entry;
      }
      // Another request may have opened it again meanwhile.
      if (this.entries.get(root) === known) {
        this.entries.delete(root);
        if (entry !== undefined) {
          entry.isStale = true;
          await closeUnused(entry);
        }
      }
      return this.current(root);
    }
    const opening = open(root, dataMemory(this.settings));
    this.entries.set(root, opening);
    try {
      const entry = await opening;
      entry.users++;
      return entry;
    } catch (error) {
      if (this.entries.get(root) === opening) {
        this.entries.delete(root);
      }
      throw error;
    }
  }
}

async function open(root: string, memoryLimit: number): Promise<Entry> {
  const project = await openProject(root, { memoryLimit });
  const folders = labelFolders(project);
  const stamp = await stampOf(project, folders);
  return { project, folders, stamp, scorer: undefined, users: 0, isStale: false };
}

async function closeUnused(entry: Entry): Promise<void> {
  if (entry.isStale && entry.users === 0) {
    const opened = await entry.scorer?.catch(() => undefined);
    if (opened !== undefined) {
      await closeScorer(opened);
    }
    await entry.project.close();
  }
}

/** The folders of labels, in which images come and go without a trace in the folder above. */
function labelFolders({ datasets }: Project): readonly string[] {
  const folders = new Set<string>();
  for (const dataset of datasets.values()) {
    for (let index = 0; isImageFolder(dataset) && index < dataset.length; index++) {
      folders.add(posix.dirname(dataset.locator(index).file));
    }
  }
  return [...folders];
}

/** Changes when an input is written, when an image comes or goes, or a checkpoint. */
async function stampOf(
  { root, config, checkpoints }: Project,
  folders: readonly string[],
): Promise<string> {
  const files = [
    configFile,
    config.model,
    ...Object.values(config.data).flatMap(sourceFiles),
    ...Object.values(config.features).flatMap((feature) =>
      "text" in feature ? [feature.text.tokenizer] : [],
    ),
    ...(await findCheckpoints(root, config.checkpoints.files)),
    ...checkpoints.flatMap(({ files = [] }) => files),
    ...folders,
  ];
  const stamps = await Promise.all(
    files.map(async (file) => {
      const { size, mtimeMs } = await stat(join(root, file));
      return `${file}\0${size}\0${mtimeMs}`;
    }),
  );
  return stamps.join("\n");
}
