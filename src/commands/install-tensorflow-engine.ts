import { ConfigurationTarget, l10n, ProgressLocation, Uri, window, workspace } from "vscode";
import { TracInError } from "../core/errors.ts";
import type { Services } from "../project/services.ts";
import { installTensorFlow, tensorflowPackage } from "../project/tensorflow.ts";

/** **TracIn: Install TensorFlow Engine**: installs tfjs-node into the extension's storage, lets it compute, and offers to use it. */
export async function installTensorFlowEngine(services: Services): Promise<void> {
  if (!workspace.isTrusted) {
    throw new TracInError(
      "engine",
      l10n.t("In restricted mode nothing is installed."),
      {},
      l10n.t("Trust the workspace, then run the command again."),
    );
  }
  const { compute, log } = services;
  const folder = compute.tensorflowFolder;
  const isThere = await compute.checkEngine("tensorflow").then(
    () => true,
    () => false,
  );
  if (isThere && !(await confirmAgain())) {
    await offerSetting();
    return;
  }
  if (!isThere && !(await confirm(folder))) {
    return;
  }
  await window.withProgress(
    {
      location: ProgressLocation.Notification,
      title: l10n.t("Installing the TensorFlow engine"),
      cancellable: true,
    },
    async (progress, token) => {
      const stop = new AbortController();
      token.onCancellationRequested(() => stop.abort());
      await installTensorFlow({
        folder,
        log: (line) => log.info(`npm: ${line}`),
        onStage: (message) => progress.report({ message }),
        check: async () => log.info(await compute.checkEngine("tensorflow")),
        release: () => compute.reset(),
        signal: stop.signal,
      });
    },
  );
  await offerSetting();
}

async function confirm(folder: string): Promise<boolean> {
  const install = l10n.t("Install");
  const { name, version } = tensorflowPackage;
  const choice = await window.showInformationMessage(
    l10n.t("Install the TensorFlow engine?"),
    {
      modal: true,
      detail: l10n.t(
        "npm installs {0} {1} into {2}. Its install script downloads TensorFlow's native library, some hundred megabytes. ONNX Runtime, which TracIn uses otherwise, is faster in our measurements.",
        name,
        version,
        Uri.file(folder).fsPath,
      ),
    },
    install,
  );
  return choice === install;
}

async function confirmAgain(): Promise<boolean> {
  const again = l10n.t("Install Again");
  const choice = await window.showInformationMessage(
    l10n.t("The TensorFlow engine is installed and works."),
    { modal: true },
    again,
    l10n.t("Keep It"),
  );
  return choice === again;
}

async function offerSetting(): Promise<void> {
  const settings = workspace.getConfiguration("tracin");
  if (settings.get("engine") === "tensorflow") {
    return;
  }
  const use = l10n.t("Use TensorFlow");
  const choice = await window.showInformationMessage(
    l10n.t("The TensorFlow engine works. Computations use it when tracin.engine says so."),
    use,
  );
  if (choice === use) {
    await settings.update("engine", "tensorflow", ConfigurationTarget.Global);
  }
}
