import { join } from "node:path";
import { runProcess } from "../measure.ts";
import { engineAlone, ours } from "../ours.ts";
import { askPeer, type PeerTask } from "../peers.ts";
import { comparisonTable, type Row, seconds } from "../rows.ts";
import { type Architecture, writeWorkspace } from "../workspace.ts";
import type { BenchContext, Part } from "./part.ts";

/** A model of PyTorch that its exporter writes, or one that the bench writes itself. */
export type ModelName = Architecture | "resnet18" | "encoder4" | "encoder6" | "lstm";

/** A model, its examples, and who else is asked. */
export interface ModelWorkload {
  readonly architecture: ModelName;
  readonly title: string;
  readonly examples: number;
  readonly checkpoints: number;
  readonly queries: number;
  /** Width of the first hidden layer of the MLP; 128 unless told. */
  readonly hidden?: number;
}

/** All layers, 10 queries. */
export const workloads = {
  mlp: {
    architecture: "mlp",
    title: "MLP 784-128-64-10",
    examples: 8000,
    checkpoints: 7,
    queries: 10,
  },
  cnn: { architecture: "cnn", title: "small CNN", examples: 8000, checkpoints: 5, queries: 10 },
  resnet18: {
    architecture: "resnet18",
    title: "ResNet-18, 32 x 32",
    examples: 512,
    checkpoints: 2,
    queries: 10,
  },
  encoder4: {
    architecture: "encoder4",
    title: "encoder, 4 layers of 128, 64 tokens",
    examples: 256,
    checkpoints: 3,
    queries: 10,
  },
  encoder6: {
    architecture: "encoder6",
    title: "encoder, 6 layers of 256, 128 tokens",
    examples: 512,
    checkpoints: 2,
    queries: 10,
  },
  lstm: {
    architecture: "lstm",
    title: "LSTM of 128, 50 steps",
    examples: 512,
    checkpoints: 3,
    queries: 10,
  },
} as const satisfies Readonly<Record<ModelName, ModelWorkload>>;

/** dattri makes the gradients of all examples of a batch one flat tensor, which is slow from some 32 MB on. */
const dattri = (batches: string): PeerTask => ({
  peer: "dattri",
  threads: "2",
  batches,
  seconds: 180,
});
/** Models whose gradients of one example take seconds elsewhere: a few examples show the pace. */
const few = { limit: 8, threads: "2", batches: "8", seconds: 60 } as const;

const peersOf: Readonly<Record<ModelName, readonly PeerTask[]>> = {
  mlp: [{ peer: "captum" }, dattri("32,64"), { peer: "torch" }],
  cnn: [{ peer: "captum" }, dattri("64,128"), { peer: "torch" }],
  resnet18: [
    { peer: "captum", ...few },
    { peer: "dattri", ...few },
  ],
  encoder4: [
    { peer: "captum", ...few, limit: 32 },
    { peer: "dattri", ...few },
  ],
  encoder6: [
    { peer: "captum", ...few },
    { peer: "dattri", ...few },
  ],
  lstm: [
    { peer: "captum", ...few, limit: 32 },
    { peer: "dattri", ...few, limit: 32 },
  ],
};

/** Nothing but the start: the floor of every whole process. */
export const enginePart: Part = {
  name: "engine",
  async run() {
    const row = await engineAlone();
    const megabytes = ((row.memory ?? 0) / 1e6).toFixed(0);
    return {
      markdown: `A process that loads program and engine and is asked nothing takes ${seconds(row.whole)} s and ${megabytes} MB: the floor of every \`whole s\`.`,
      data: row,
    };
  },
};

/** The sample that the repository has. */
export const digitsPart: Part = {
  name: "digits",
  async run({ folder, peak }) {
    const { row } = await ours({
      name: "digits sample (CNN), 2,000 x 6",
      root: "samples/digits",
      dataset: "test",
      queries: 10,
      out: folder,
    });
    return { markdown: comparisonTable([row], peak), data: [row] };
  },
};

/** One part for each workload. */
export const workloadParts: readonly Part[] = Object.values(workloads).map((workload) => ({
  name: workload.architecture,
  async run(context) {
    const sized = context.quick ? { ...workload, examples: workload.examples / 8 } : workload;
    const root = await workspaceOf(sized, context);
    if (root === undefined) {
      return undefined;
    }
    return comparison(
      root,
      { ...sized, title: nameOf(sized) },
      peersOf[workload.architecture],
      context,
    );
  },
}));

/** A question to the product and to others. */
export async function comparison(
  root: string,
  { architecture, title, queries, layers }: Comparison,
  peers: readonly PeerTask[],
  { python, withPeers, peak }: BenchContext,
): Promise<{ readonly markdown: string; readonly data: readonly Row[] }> {
  const question = { name: title, root, dataset: "query", queries, out: root };
  const measured = await ours({ ...question, ...(layers === undefined ? {} : { layers }) });
  const rows: Row[] = [measured.row];
  if (python !== undefined && withPeers) {
    for (const task of peers) {
      rows.push(await askPeer(task, python, root, architecture, measured));
    }
  }
  return { markdown: comparisonTable(rows, peak), data: rows };
}

interface Comparison extends Pick<ModelWorkload, "architecture" | "title" | "queries"> {
  readonly layers?: string;
}

/** Title and size. */
export function nameOf({ title, examples, checkpoints }: ModelWorkload): string {
  return `${title}, ${examples.toLocaleString("en-US")} x ${checkpoints}`;
}

let workspaces = 0;

/** A folder with model, checkpoints and data; undefined where it takes Python and there is none. */
export async function workspaceOf(
  workload: ModelWorkload,
  { folder, python }: BenchContext,
): Promise<string | undefined> {
  const root = join(folder, `${workload.architecture}-${++workspaces}`);
  const { architecture, examples, queries, checkpoints } = workload;
  if (architecture === "mlp" || architecture === "cnn") {
    writeWorkspace(root, { ...workload, architecture });
    return root;
  }
  if (python === undefined) {
    return undefined;
  }
  const sizes = { examples, queries, checkpoints };
  await runProcess(python, [
    "test/bench/peers/make.py",
    root,
    "--arch",
    architecture,
    ...Object.entries(sizes).flatMap(([name, value]) => [`--${name}`, String(value)]),
  ]);
  return root;
}
