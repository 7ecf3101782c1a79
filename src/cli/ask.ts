import { text as consumeText } from "node:stream/consumers";
import { type Command, Option } from "commander";
import { givenQuery } from "../compute/given.ts";
import { runJob } from "../compute/job.ts";
import type { ScorerInUse } from "../compute/scoring.ts";
import type { GivenExample } from "../core/config/new-example.ts";
import type { Project } from "../core/config/project.ts";
import { Fingerprints } from "../core/store/inputs.ts";
import { type Ranking, RunReader } from "../core/store/reader.ts";
import type { RunRecord } from "../core/store/record.ts";
import { ordersOf, suspectOrders } from "../core/store/suspect-order.ts";
import type { QuerySelection } from "../core/tracin/scores.ts";
import {
  type CommandContext,
  type CommonOptions,
  openWorkspace,
  positive,
  printJson,
} from "./context.ts";
import { neighboursJson, neighboursOf, printNeighbours } from "./neighbours.ts";
import {
  collectProfile,
  printProfile,
  profileJson,
  type QuestionProfile,
  withProfile,
} from "./profile.ts";
import { explainedLabel, parseQueries, type QueryText, selectQueries } from "./queries.ts";
import {
  answerJson,
  printAnswer,
  printRun,
  printSuspects,
  readAnswers,
  rowJson,
  runJson,
} from "./run-output.ts";
import { explainTestSet } from "./test-set.ts";

interface AskOptions extends CommonOptions {
  readonly index: boolean;
}

interface ExplainOptions extends AskOptions {
  readonly text?: string;
  readonly image?: string;
  readonly mask?: string;
  readonly row?: string;
  readonly label: string;
  readonly top: number;
  readonly set?: string;
  readonly errors?: boolean;
  readonly class?: string;
  readonly predicted?: string;
  readonly where?: string;
}

/** The example that the options give, if any. */
async function givenExample(options: ExplainOptions): Promise<GivenExample | undefined> {
  const { text, image, mask, row } = options;
  if (text === undefined && image === undefined && row === undefined) {
    return undefined;
  }
  return { text: text === "-" ? await consumeText(process.stdin) : text, image, mask, row };
}

interface SuspectsOptions extends AskOptions {
  /** Neighbours of each suspect. */
  readonly neighbours?: number;
  readonly top: number;
  readonly order?: NonNullable<Ranking["order"]>;
}

/** `tracin explain test:0`: which training examples made the model predict this? */
export function explainCommand(program: Command, context: CommandContext): void {
  const command = withProfile(
    program
      .command("explain")
      .description("rank the training examples by their score on one or more queries")
      .argument(
        "[dataset:index...]",
        "queries, such as test:0 or test:0-9 (inclusive)",
        (text, previous: QueryText[] | undefined) => [...(previous ?? []), parseQueries(text)],
      )
      .option(
        "--text <text>",
        'explain a text that is in no dataset; "-" reads it from standard input',
      )
      .option("--image <file>", "explain an image file that is in no dataset")
      .option(
        "--mask <file>",
        "the mask of --image, where targets are masks; else its prediction is explained",
      )
      .option("--row <json>", "explain a row that is in no dataset, a JSON object with its fields")
      .option(
        "--label <label>",
        '"target", "prediction", the name of a label, or the number of an output; the prediction where an example has no target',
        "target",
      )
      .option("--set <dataset>", "explain the examples of a dataset together, as their mean")
      .option("--errors", "of --set: those that the model gets wrong")
      .option("--class <label>", "of --set: those with this target")
      .option("--predicted <label>", "of --set: those with this prediction")
      .option("--where <condition>", 'of --set: those that fit, such as "loss > 1"')
      .option("--top <n>", "rows of each list", positive, 10)
      .option("--no-index", "compute all scores, also where a gradient index has estimates"),
  );
  command.action(async (texts: QueryText[], options: ExplainOptions) => {
    const { set } = options;
    checkUsage(command, texts, options);
    if (set !== undefined) {
      return explainTestSet(context, { ...options, set });
    }
    const given = await givenExample(options);
    const { record, root, profile } = await ask(context, options, async (project) => [
      ...selectQueries(project, texts, options.label),
      ...(given === undefined
        ? []
        : [await givenQuery(project, given, explainedLabel(project, options.label))]),
    ]);
    const ranking = performance.now();
    const reader = await RunReader.open(root, record.id);
    try {
      const answers = await readAnswers(reader, options.top);
      const suspects = await reader.top({ view: "suspects", query: -1 }, options.top);
      profile?.own.add("ranking", ranking);
      if (options.json) {
        printJson(context, {
          run: runJson(record),
          queries: answers.map(answerJson),
          suspects: { order: ordersOf(record)[0], rows: suspects.map(rowJson) },
          ...profileJson(context, profile),
        });
        return;
      }
      for (const answer of answers) {
        printAnswer(context, answer, record.reading);
      }
      printSuspects(context, suspects, ordersOf(record)[0], record);
      printRun(context, record, root);
      printProfile(context, profile);
    } finally {
      reader.close();
    }
  });
}

/** Queries, or a test set with what narrows it; not both. */
function checkUsage(command: Command, texts: readonly QueryText[], options: ExplainOptions): void {
  const { set, errors, class: target, predicted, where, label } = options;
  const { text, image, mask, row } = options;
  const narrowing = [errors, target, predicted, where].some((option) => option !== undefined);
  const isGiven = [text, image, row].some((option) => option !== undefined);
  if (set === undefined && texts.length === 0 && !isGiven) {
    command.error(
      "error: name an example, such as test:0, give one with --text, --image or --row, or name a test set with --set",
    );
  }
  if (mask !== undefined && image === undefined) {
    command.error("error: --mask is the mask of --image");
  }
  if (set !== undefined && (texts.length > 0 || isGiven)) {
    command.error("error: examples and --set exclude each other");
  }
  if (set === undefined && narrowing) {
    command.error("error: --errors, --class, --predicted and --where narrow --set");
  }
  if (set !== undefined && label !== "target") {
    command.error("error: of a test set the targets are explained: --label is for single examples");
  }
}

/** `tracin suspects`: which labels are wrong? */
export function suspectsCommand(program: Command, context: CommandContext): void {
  withProfile(
    program
      .command("suspects")
      .description("rank the training examples that are probably mislabelled")
      .option("--top <n>", "rows of the list", positive, 20)
      .option("--neighbours <n>", "training examples for and against each label", positive)
      .option("--no-index", "compute all numbers, also where a gradient index has them")
      .addOption(
        new Option(
          "--order <which>",
          "what to rank by: margin where labels have margins, else loss, unless told",
        ).choices(suspectOrders),
      ),
  ).action(async (options: SuspectsOptions) => {
    const show = async (record: RunRecord, opened: ScorerInUse) => {
      const { root } = opened.project;
      const ranking = performance.now();
      const reader = await RunReader.open(root, record.id);
      const order = options.order ?? ordersOf(record)[0];
      try {
        const rows = await reader.top({ view: "suspects", query: -1, order }, options.top);
        opened.settings.profile?.add("ranking", ranking);
        const neighbours = await neighboursOf(
          opened,
          rows,
          options.neighbours ?? 0,
          context.signal,
        );
        const profile = await collectProfile(opened);
        if (options.json) {
          printJson(context, {
            run: runJson(record),
            suspects: {
              order,
              rows: rows.map((row, at) => {
                const found = neighbours[at];
                return {
                  ...(rowJson(row) as object),
                  ...(found === undefined ? {} : { neighbours: neighboursJson(found) }),
                };
              }),
            },
            ...profileJson(context, profile),
          });
          return;
        }
        printSuspects(context, rows, order, record);
        printNeighbours(context, rows, neighbours);
        printRun(context, record, root);
        printProfile(context, profile);
      } finally {
        reader.close();
      }
    };
    await ask(context, options, async () => [], show);
  });
}

/** Computes and saves a run. */
async function ask(
  context: CommandContext,
  options: AskOptions,
  select: (project: Project) => Promise<readonly QuerySelection[]>,
  /** What is done before the project is closed; it collects the profile itself. */
  after?: (record: RunRecord, opened: ScorerInUse) => Promise<void>,
): Promise<{
  record: RunRecord;
  root: string;
  profile: QuestionProfile | undefined;
}> {
  const { opened, progress } = await openWorkspace(context, options);
  try {
    const record = await runJob(
      opened,
      { selection: await select(opened.project), useIndex: options.index },
      {
        fingerprints: new Fingerprints(),
        started: context.started,
        onProgress: (step) => progress.update(step),
        signal: context.signal,
      },
    );
    progress.stop();
    await after?.(record, opened);
    const profile = after === undefined ? await collectProfile(opened) : undefined;
    return { record, root: opened.project.root, profile };
  } finally {
    progress.stop();
    await opened.close();
  }
}
