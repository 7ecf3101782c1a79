import { Command, CommanderError } from "commander";
import { version } from "../../package.json";
import { TracInError } from "../core/errors.ts";
import { explainCommand, suspectsCommand } from "./ask.ts";
import { cleanCommand, exportCommand } from "./clean.ts";
import type { CommandContext } from "./context.ts";
import { scoresCommand, selfInfluenceCommand } from "./export.ts";
import { indexCommand } from "./gradient-index.ts";
import { inspectCommand } from "./inspect.ts";
import { paint } from "./terminal.ts";

const exitCodes = { ok: 0, failure: 1, usage: 2, interrupted: 130 } as const;

/** Runs the command line and returns its exit code. */
async function main(args: readonly string[], context: CommandContext): Promise<number> {
  const program = new Command("tracin")
    .description("Which training examples caused a prediction, and which labels are wrong.")
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.out.write(text),
      writeErr: (text) => context.err.write(text),
    })
    .showHelpAfterError("(tracin --help lists the commands and options)");
  explainCommand(program, context);
  suspectsCommand(program, context);
  inspectCommand(program, context);
  indexCommand(program, context);
  scoresCommand(program, context);
  selfInfluenceCommand(program, context);
  exportCommand(program, context);
  cleanCommand(program, context);
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    return report(context, error, args.includes("--debug"));
  }
}

function report({ err, signal }: CommandContext, error: unknown, debug: boolean): number {
  const failure = TracInError.from(error);
  if (failure.kind === "cancelled" || signal.aborted) {
    err.write("tracin: cancelled\n");
    return exitCodes.interrupted;
  }
  err.write(`${paint(err, "red", "tracin:")} ${failure.describe()}\n`);
  if (debug) {
    err.write(`${failure.stack}\n`);
    err.write(failure.cause instanceof Error ? `caused by ${failure.cause.stack}\n` : "");
  } else if (failure.kind === "internal") {
    err.write("This is a fault of tracin itself; --debug shows where.\n");
  }
  return exitCodes.failure;
}

const interrupt = new AbortController();
process.on("SIGINT", () => {
  if (interrupt.signal.aborted) {
    process.exit(exitCodes.interrupted);
  }
  interrupt.abort();
});
process.once("SIGTERM", () => interrupt.abort());
// `tracin ... | head` closes the pipe: that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") {
    process.exit(exitCodes.ok);
  }
  throw error;
});

void main(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  signal: interrupt.signal,
  programs: __dirname,
  started: 0,
}).then((code) => {
  process.exitCode = code;
  if (code === exitCodes.interrupted) {
    process.exit(); // what was being opened is not waited for
  }
});
