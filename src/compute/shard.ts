/** Entry of a helper process: scores chunks of examples for its parent, and ends with it. */
import { openProject } from "../core/config/open.ts";
import type { Project } from "../core/config/project.ts";
import { createEngine } from "../core/engines/choose.ts";
import type { Engine, EngineName } from "../core/engines/engine.ts";
import { referenceEngine } from "../core/engines/reference/engine.ts";
import { TracInError } from "../core/errors.ts";
import { BlockBuilder } from "../core/index/blocks.ts";
import { IndexPrograms } from "../core/index/programs.ts";
import { listShards } from "../core/index/shard.ts";
import { Profile, profiled, profiledEngine } from "../core/tracin/profile.ts";
import { Scorer } from "../core/tracin/scorer.ts";
import type { ScoreProgress } from "../core/tracin/scores.ts";
import { connectTo, createClient, serve } from "../protocol/rpc.ts";
import type { HelperApi, HelperCallerApi } from "./helper.ts";
import { spaced } from "./progress.ts";
import { dataShare } from "./settings.ts";

process.once("disconnect", () => process.exit());
// Ctrl-C in a terminal reaches this process too; its parent decides what happens.
process.on("SIGINT", () => undefined);

const connection = connectTo(process);
const caller = createClient<HelperCallerApi, never>(connection);

interface Opened {
  readonly project: Project;
  readonly scorer: Scorer;
  readonly engine: Engine;
  readonly memoryLimit: number;
}

let opened: Promise<Opened> | undefined;

function open(): Promise<Opened> {
  if (opened === undefined) {
    throw new TracInError("internal", "The helper has no project.");
  }
  return opened;
}

let profile: Profile | undefined;
// The native library is loaded while the parent still opens the project.
createEngine(process.argv[2] as EngineName)
  .warm?.()
  .catch(() => undefined);

serve<HelperApi, ScoreProgress>(connection, {
  async open({
    root,
    config,
    encoder,
    engine: name,
    memoryLimit,
    threads,
    layers,
    profile: isProfiled,
  }) {
    profile = isProfiled ? new Profile() : undefined;
    const engine = profile ? profiledEngine(createEngine(name), profile) : createEngine(name);
    opened = profiled(profile, "opening", async () => {
      const project = await openProject(root, {
        config,
        encoder,
        memoryLimit: memoryLimit * dataShare,
      });
      // The examples are checked by the parent.
      const scorer = await Scorer.probe(project, { engine, memoryLimit, threads, layers, profile });
      return { project, scorer, engine, memoryLimit };
    });
    await opened;
  },
  async score({ selection, aggregate, chunk, examples }, { report, signal }) {
    const { scorer } = await open();
    const chunks = {
      size: chunk,
      examples,
      next: async () => (await caller.request("next", null)) ?? undefined,
    };
    await profiled(profile, "scoring", () =>
      scorer.score(selection, chunks, (finished) => caller.request("deliver", finished), {
        aggregate,
        onProgress: spaced(report),
        signal,
      }),
    );
  },
  async build(job, { report, signal }) {
    const { project, scorer, engine, memoryLimit } = await open();
    const programs = new IndexPrograms(engine, referenceEngine(), scorer.model);
    try {
      const finished = await listShards(job.folder);
      const limit = memoryLimit / 2;
      const builder = await BlockBuilder.open(project, programs, job, finished, limit, profile);
      let done = 0;
      const tell = spaced(report);
      const onProgress = (more: number) => {
        done += more;
        tell({ phase: "scoring", done, total: 0 });
      };
      const next = () => caller.request("next", null);
      for (let range = await next(); range !== null; range = await next()) {
        const block = await builder.build(range.start, range.end, { onProgress, signal });
        await caller.request("deliverBlock", block);
      }
    } finally {
      await programs.dispose();
    }
  },
  async profile() {
    await (await opened)?.scorer.close();
    return (profile ?? new Profile()).snapshot();
  },
});
