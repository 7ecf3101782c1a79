import { l10n } from "vscode";
import type { Services } from "../project/services.ts";
import { usesIndex } from "../project/settings.ts";
import { pickProject } from "./pick-project.ts";

/** **TracIn: Find Mislabelled Examples**: ranks the training examples by self-influence and by mean loss. */
export async function findMislabelled(services: Services): Promise<void> {
  const folder = await pickProject(services);
  if (folder === undefined) {
    return;
  }
  const { root } = folder;
  const run = services.session.start(root, l10n.t("Finding mislabelled examples"), (options) =>
    services.compute.request("suspects", { root, useIndex: usesIndex() }, options),
  );
  await Promise.all([run, services.influence.reveal()]);
}
