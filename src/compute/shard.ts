/** Entry of a helper process: scores one range of examples for its parent, then ends. */
import { openProject } from "../core/config/open.ts";
import { Scorer } from "../core/tracin/scorer.ts";
import { connectTo, serve } from "../protocol/rpc.ts";
import { createEngine } from "./settings.ts";
import type { ShardApi, ShardReport } from "./shards.ts";

process.once("disconnect", () => process.exit());
// Ctrl-C in a terminal reaches this process too; its parent decides what happens.
process.on("SIGINT", () => undefined);

serve<ShardApi, ShardReport>(connectTo(process), {
  async score(job, { report, signal }) {
    const project = await openProject(job.root, {
      config: job.config,
      encoder: job.encoder,
      datasets: job.selection.map(({ dataset }) => dataset),
    });
    const scorer = await Scorer.open(project, {
      engine: createEngine(job.engine),
      memoryLimit: job.memoryLimit,
      layers: job.layers,
    });
    await scorer.score(job.selection, job.range, (chunk) => report({ kind: "chunk", chunk }), {
      aggregate: job.aggregate,
      chunk: job.chunk,
      onProgress: (progress) => report({ kind: "progress", progress }),
      signal,
    });
  },
});
