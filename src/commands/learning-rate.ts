import { l10n, type QuickPickItem, window } from "vscode";
import { TracInError } from "../core/errors.ts";
import { counted } from "../project/counted.ts";
import { editConfig, readConfig } from "../project/edit-config.ts";
import {
  parseRate,
  type RateScope,
  type RateSetting,
  rateChanges,
} from "../project/learning-rates.ts";
import type { Services } from "../project/services.ts";
import type { CheckpointNode } from "../views/checkpoints.ts";
import { formatNumber } from "../views/format.ts";
import { pickProject } from "./pick-project.ts";

/**
 * **TracIn: Edit Learning Rate**: the rate with which a checkpoint weighs, for it, for all after it, or for all. It is
 * written to `tracin.json` by an edit that undo takes back.
 */
export async function editLearningRate(services: Services, item?: unknown): Promise<void> {
  const node = isCheckpointNode(item) ? item : await pickCheckpoint(services);
  if (node === undefined) {
    return;
  }
  const { checkpoint, index, count } = node;
  const text = await window.showInputBox({
    title: l10n.t("Learning rate of {0}", checkpoint.file),
    prompt: promptFor(node),
    value: String(checkpoint.learningRate),
    ignoreFocusOut: true,
    validateInput: (typed) =>
      parseRate(typed, count === 1) === undefined
        ? l10n.t("A number such as 0.01 or 1e-4, or {0}", "from-file")
        : undefined,
  });
  const value = text === undefined ? undefined : parseRate(text, count === 1);
  if (value === undefined) {
    return;
  }
  const scope = count === 1 ? ({ kind: "all" } as const) : await pickScope(index, count, value);
  if (scope !== undefined) {
    await setRate(node, scope, value);
  }
}

/**
 * **TracIn: Use Previous Checkpoint's Rate**: what was saved after a scheduler's step holds the rate of the next
 * interval; the rate in force at the checkpoint before is that of the interval that ends here.
 */
export async function usePreviousRate(services: Services, item?: unknown): Promise<void> {
  const node = isCheckpointNode(item)
    ? item
    : await pickCheckpoint(services, ({ checkpoint }) => checkpoint.previousRate !== undefined);
  const rate = node?.checkpoint.previousRate;
  if (node !== undefined && rate !== undefined) {
    await setRate(node, { kind: "one", index: node.index }, rate);
  }
}

async function setRate(node: CheckpointNode, scope: RateScope, value: RateSetting): Promise<void> {
  const { root, count } = node;
  const current = await readConfig(root, ["checkpoints", "learningRate"]);
  await editConfig(root, rateChanges(current, count, scope, value));
}

function promptFor({ checkpoint }: CheckpointNode): string {
  const { groups = [], learningRateSource } = checkpoint;
  const source = l10n.t(
    "Step size of the interval that ends here; now from {0}. Type {1} to take it from the file.",
    learningRateSource,
    "from-file",
  );
  return groups.length === 0
    ? source
    : `${source} ${l10n.t("One number replaces the rates of {0} parameter groups.", groups.length)}`;
}

async function pickScope(
  index: number,
  count: number,
  value: RateSetting,
): Promise<RateScope | undefined> {
  const choices: (QuickPickItem & { readonly scope: RateScope })[] = [
    { label: l10n.t("This checkpoint"), scope: { kind: "one", index } },
    ...(index > 0 && index < count - 1
      ? [
          {
            label: l10n.t("This checkpoint and those after it"),
            description: counted.checkpoints(count - index),
            scope: { kind: "from", index } as const,
          },
        ]
      : []),
    // A rate of 0 everywhere would make every score 0.
    ...(value === 0
      ? []
      : [
          {
            label: l10n.t("All checkpoints"),
            description: String(count),
            scope: { kind: "all" } as const,
          },
        ]),
  ];
  const choice = await window.showQuickPick(choices, {
    title: l10n.t("Learning rate {0}: for which checkpoints?", value),
  });
  return choice?.scope;
}

async function pickCheckpoint(
  services: Services,
  isChoice: (node: CheckpointNode) => boolean = () => true,
): Promise<CheckpointNode | undefined> {
  const folder = await pickProject(services);
  if (folder === undefined) {
    return undefined;
  }
  const { root } = folder;
  const { checkpoints } = await services.compute.request("open", { root });
  const nodes = services.checkpoints.nodesOf(root, checkpoints).filter(isChoice);
  if (nodes.length === 0) {
    throw new TracInError(
      "config",
      l10n.t("No checkpoint has a learning rate that changed since the one before."),
      {},
      l10n.t("Use TracIn: Edit Learning Rate to set one."),
    );
  }
  const items = nodes.map((node) => ({
    label: node.checkpoint.file,
    description: formatNumber(node.checkpoint.learningRate),
    detail: node.checkpoint.warnings[0] ?? node.checkpoint.learningRateSource,
    node,
  }));
  const choice = await window.showQuickPick(items, {
    title: l10n.t("Which checkpoint?"),
    matchOnDetail: true,
  });
  return choice?.node;
}

function isCheckpointNode(item: unknown): item is CheckpointNode {
  return typeof item === "object" && item !== null && "kind" in item && item.kind === "checkpoint";
}
