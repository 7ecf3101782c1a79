import { type Command, Option } from "commander";
import { keptText } from "../compute/index-answer.ts";
import { buildIndex, buildProgress } from "../compute/index-build.ts";
import { counted } from "../core/counted.ts";
import { type IndexManifest, presentIndex } from "../core/index/manifest.ts";
import { type NumberType, numberTypes } from "../core/index/number-type.ts";
import { defaultSettings, type IndexSettings } from "../core/index/settings.ts";
import { type IndexState, indexState } from "../core/index/state.ts";
import { Fingerprints } from "../core/store/inputs.ts";
import {
  type CommandContext,
  type CommonOptions,
  openWorkspace,
  positive,
  printJson,
} from "./context.ts";
import { collectProfile, printProfile, profileJson, withProfile } from "./profile.ts";

interface IndexOptions extends CommonOptions {
  readonly sketch?: number;
  readonly type?: NumberType;
  readonly seed?: number;
  readonly exact?: boolean;
  readonly shardRows?: number;
  readonly status?: boolean;
}

/** `tracin index`: keeps the training examples' gradients, so that later questions are one pass over a file. */
export function indexCommand(program: Command, context: CommandContext): void {
  withProfile(
    program
      .command("index")
      .description("build the gradient index, or what is missing of it")
      .option(
        "--sketch <numbers>",
        `numbers kept of each example and checkpoint (${unlessTold(defaultSettings.size)})`,
        positive,
      )
      .addOption(
        new Option(
          "--type <type>",
          `type of the numbers (${unlessTold(defaultSettings.numbers)})`,
        ).choices(numberTypes),
      )
      .option(
        "--seed <n>",
        `of the random projections (${unlessTold(defaultSettings.seed)})`,
        positive,
      )
      .addOption(
        new Option(
          "--exact",
          "keep activations and output gradients instead of sketches",
        ).conflicts(["sketch", "type", "seed"]),
      )
      .option(
        "--shard-rows <n>",
        `examples in a shard (${unlessTold("by what a row takes")})`,
        positive,
      )
      .option("--status", "only tell whether the index answers questions as they are now"),
  ).action(async (options: IndexOptions) => {
    const { opened, progress } = await openWorkspace(context, options);
    const fingerprints = new Fingerprints();
    try {
      if (options.status) {
        const { project, scorer } = opened;
        const state = await indexState(project, scorer.parameters, fingerprints);
        progress.stop();
        printState(context, state, options.json ?? false);
        return;
      }
      const { manifest, shards, computed } = await buildIndex(opened, {
        settings: settingsOf(options, (await presentIndex(opened.project.root))?.settings),
        blockRows: options.shardRows,
        fingerprints,
        onProgress: (step) => progress.update(buildProgress(step)),
        signal: context.signal,
      });
      progress.stop();
      const seconds = (performance.now() - context.started) / 1000;
      const profile = await collectProfile(opened);
      if (options.json) {
        const built = { ...facts(manifest), shards, computed, seconds };
        printJson(context, { ...built, ...profileJson(context, profile) });
      } else {
        context.out.write(
          `${describe(manifest)}\n${computed} of ${counted(shards, "shard")} computed · ${seconds.toFixed(1)} s\n`,
        );
        printProfile(context, profile);
      }
    } finally {
      progress.stop();
      await opened.close();
    }
  });
}

function unlessTold(standard: string | number): string {
  return `default: as in the present index, else ${standard}`;
}

/** What options ask for; what they leave open is as in the present index, so that it is brought up to date. */
function settingsOf(
  { sketch, type, seed, exact }: IndexOptions,
  present: IndexSettings | undefined,
): IndexSettings {
  if (exact) {
    return { type: "factors" };
  }
  if (present !== undefined && (sketch ?? type ?? seed) === undefined) {
    return present;
  }
  const { size, numbers, seed: drawn } = present?.type === "sketch" ? present : defaultSettings;
  return { type: "sketch", size: sketch ?? size, numbers: type ?? numbers, seed: seed ?? drawn };
}

function printState(context: CommandContext, state: IndexState, json: boolean): void {
  const reasons = state.kind === "stale" ? state.reasons : [];
  if (json) {
    const found = state.kind === "none" ? {} : facts(state.manifest);
    printJson(context, { state: state.kind, reasons, ...found });
    return;
  }
  if (state.kind === "none") {
    context.out.write("There is no index. Build one with: tracin index\n");
    return;
  }
  context.out.write(`${describe(state.manifest)}\n`);
  context.out.write(
    reasons.length === 0
      ? "It answers questions as they are now.\n"
      : `It is out of date: ${reasons.join("; ")}. Build what is missing with: tracin index\n`,
  );
}

function facts(manifest: IndexManifest) {
  const { settings, width, exact, examples, bytes, layers, created } = manifest;
  const checkpoints = manifest.checkpoints.map(({ file }) => file);
  return {
    folder: ".tracin/index",
    created,
    settings,
    width,
    exact,
    examples,
    checkpoints,
    layers,
    bytes,
  };
}

function describe(manifest: IndexManifest): string {
  const { examples, checkpoints, bytes, layers } = manifest;
  return [
    `.tracin/index: ${keptText(manifest)}`,
    counted(examples, "example"),
    counted(checkpoints.length, "checkpoint"),
    layers === "all" ? "all layers" : `layers: ${layers}`,
    `${(bytes / 1e6).toFixed(1)} MB`,
  ].join(" · ");
}
