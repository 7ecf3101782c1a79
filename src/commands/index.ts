import { commands, type Disposable } from "vscode";
import { showError } from "../project/messages.ts";
import type { Services } from "../project/services.ts";
import { clearAnnotations, explainRow, goToInfluential, showAnnotations } from "./annotations.ts";
import { applyReviews, writeCleanedCopy } from "./apply-reviews.ts";
import { buildIndex } from "./build-index.ts";
import { chooseLayers } from "./choose-layers.ts";
import { decideSuspect } from "./decide-suspect.ts";
import { explainNew } from "./explain-new.ts";
import { explainPrediction } from "./explain-prediction.ts";
import { explainTestSet } from "./explain-test-set.ts";
import { exportPyTorchModel } from "./export-pytorch-model.ts";
import { exportResults } from "./export-results.ts";
import { findMislabelled } from "./find-mislabelled.ts";
import { installTensorFlowEngine } from "./install-tensorflow-engine.ts";
import { editLearningRate, usePreviousRate } from "./learning-rate.ts";
import { openSample } from "./open-sample.ts";
import { refresh } from "./refresh.ts";
import { reviewSuspects, undoReview } from "./review.ts";
import { deleteRun, openRun, revealRun } from "./runs.ts";
import { setUpWorkspace } from "./set-up-workspace.ts";

type Command = (services: Services, ...parameters: readonly unknown[]) => unknown;

const COMMANDS: Readonly<Record<string, Command>> = {
  "tracin.explainPrediction": explainPrediction,
  "tracin.explainNew": explainNew,
  "tracin.explainTestSet": explainTestSet,
  "tracin.findMislabelled": findMislabelled,
  "tracin.reviewSuspects": reviewSuspects,
  "tracin.undoReview": undoReview,
  "tracin.applyReviews": applyReviews,
  "tracin.writeCleanedCopy": writeCleanedCopy,
  "tracin.exportResults": exportResults,
  "tracin.openInfluence": ({ influence }) => influence.focus(),
  "tracin.openInfluenceEditor": ({ influence }) => influence.openEditor(),
  "tracin.cancel": ({ session }) => session.cancel(),
  "tracin.setUpWorkspace": setUpWorkspace,
  "tracin.chooseLayers": chooseLayers,
  "tracin.buildIndex": buildIndex,
  "tracin.editLearningRate": editLearningRate,
  "tracin.usePreviousRate": usePreviousRate,
  "tracin.exportPyTorchModel": exportPyTorchModel,
  "tracin.installTensorFlowEngine": installTensorFlowEngine,
  "tracin.openSample": openSample,
  "tracin.clearAnnotations": clearAnnotations,
  "tracin.showAnnotations": showAnnotations,
  "tracin.explainRow": explainRow,
  "tracin.decideSuspect": decideSuspect,
  "tracin.nextInfluential": (services) => goToInfluential(services, 1),
  "tracin.previousInfluential": (services) => goToInfluential(services, -1),
  "tracin.openRun": openRun,
  "tracin.deleteRun": deleteRun,
  "tracin.revealRun": revealRun,
  "tracin.refresh": refresh,
  "tracin.showLog": ({ log }) => log.show(),
};

/** Registers every command; what a command throws is told to the person and goes no further. */
export function registerCommands(services: Services): readonly Disposable[] {
  return Object.entries(COMMANDS).map(([id, command]) =>
    commands.registerCommand(id, async (...parameters: readonly unknown[]) => {
      try {
        await command(services, ...parameters);
      } catch (error) {
        services.log.error(error instanceof Error ? error : String(error));
        void showError(error, services.projects.current?.root);
      }
    }),
  );
}
