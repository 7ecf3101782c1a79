/** Entry of a helper process: scores chunks of examples for its parent, and ends with it. */
import { openProject } from "../core/config/open.ts";
import { createEngine } from "../core/engines/choose.ts";
import type { EngineName } from "../core/engines/engine.ts";
import { TracInError } from "../core/errors.ts";
import { Profile, profiled, profiledEngine } from "../core/tracin/profile.ts";
import { Scorer } from "../core/tracin/scorer.ts";
import type { ScoreProgress } from "../core/tracin/scores.ts";
import { connectTo, createClient, serve } from "../protocol/rpc.ts";
import type { HelperApi, HelperCallerApi } from "./helper.ts";

process.once("disconnect", () => process.exit());
// Ctrl-C in a terminal reaches this process too; its parent decides what happens.
process.on("SIGINT", () => undefined);

const connection = connectTo(process);
const caller = createClient<HelperCallerApi, never>(connection);
let scorer: Promise<Scorer> | undefined;
let profile: Profile | undefined;
// The native library is loaded while the parent still opens the project.
createEngine(process.argv[2] as EngineName)
  .warm?.()
  .catch(() => undefined);

serve<HelperApi, ScoreProgress>(connection, {
  async open({ root, config, encoder, engine: name, memoryLimit, layers, profile: isProfiled }) {
    profile = isProfiled ? new Profile() : undefined;
    const engine = profile ? profiledEngine(createEngine(name), profile) : createEngine(name);
    const opening = profiled(profile, "opening", async () => {
      const project = await openProject(root, { config, encoder });
      return Scorer.open(project, { engine, memoryLimit, layers, profile });
    });
    scorer = opening;
    await opening;
  },
  async score({ selection, aggregate, chunk, examples }, { report, signal }) {
    if (scorer === undefined) {
      throw new TracInError("internal", "The helper has no project.");
    }
    const chunks = {
      size: chunk,
      examples,
      next: async () => (await caller.request("next", null)) ?? undefined,
    };
    const opened = await scorer;
    await profiled(profile, "scoring", () =>
      opened.score(selection, chunks, (finished) => caller.request("deliver", finished), {
        aggregate,
        onProgress: report,
        signal,
      }),
    );
  },
  async profile() {
    await (await scorer)?.close();
    return (profile ?? new Profile()).snapshot();
  },
});
