import { ours } from "../ours.ts";
import { askPeer, type Peer } from "../peers.ts";
import { comparisonTable, type Row } from "../rows.ts";
import type { Part } from "./part.ts";
import { nameOf, workloads, workspaceOf } from "./workloads.ts";

const peers: readonly Peer[] = ["captum_fast", "captum_projected"];

/** The last layer alone, which is what captum's faster classes compute. */
export const lastPart: Part = {
  name: "last",
  async run(context) {
    const tables: string[] = [];
    const all: Row[][] = [];
    for (const workload of [workloads.mlp, workloads.cnn]) {
      const sized = context.quick ? { ...workload, examples: workload.examples / 8 } : workload;
      const root = (await workspaceOf(sized, context)) as string;
      const measured = await ours({
        name: `${nameOf(sized)}, last layer`,
        root,
        dataset: "query",
        queries: sized.queries,
        out: root,
        layers: "last",
      });
      const rows: Row[] = [measured.row];
      const { python } = context;
      for (const peer of python !== undefined && context.withPeers ? peers : []) {
        rows.push(await askPeer({ peer }, python as string, root, workload.architecture, measured));
      }
      tables.push(comparisonTable(rows, context.peak));
      all.push(rows);
    }
    return { markdown: tables.join("\n\n"), data: all };
  },
};
