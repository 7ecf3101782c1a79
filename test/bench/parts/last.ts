import type { PeerTask } from "../peers.ts";
import type { BenchContext, Part } from "./part.ts";
import { comparison, nameOf, workloads, workspaceOf } from "./workloads.ts";

/** The last layer alone, which is what captum's faster classes compute. */
export const lastPart: Part = {
  name: "last",
  run: (context) =>
    dense(context, "last layer", { layers: "last" }, [
      { peer: "captum_fast" },
      { peer: "captum_projected" },
    ]),
};

/** Self-influence of all examples, no scores. */
export const selfPart: Part = {
  name: "self",
  run: (context) =>
    dense(context, "self-influence alone", { queries: 0 }, [{ peer: "captum", selfAlone: true }]),
};

/** A question about the models that every peer knows. */
async function dense(
  context: BenchContext,
  what: string,
  question: { readonly layers?: string; readonly queries?: number },
  peers: readonly PeerTask[],
) {
  const results = [];
  for (const workload of [workloads.mlp, workloads.cnn]) {
    const sized = context.quick ? { ...workload, examples: workload.examples / 8 } : workload;
    // Others read the queries' file even where there is no question about them.
    const root = (await workspaceOf(sized, context)) as string;
    const asked = { ...sized, title: `${nameOf(sized)}, ${what}`, ...question };
    results.push(await comparison(root, asked, peers, context));
  }
  return {
    markdown: results.map(({ markdown }) => markdown).join("\n\n"),
    data: results.map(({ data }) => data),
  };
}
