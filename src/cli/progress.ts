import { Presets, SingleBar } from "cli-progress";
import { hasShare, type Progress } from "../protocol/compute.ts";

/** Shows progress on stderr: a bar on a terminal, otherwise a line for every 10%. */
export class ProgressDisplay {
  private bar: SingleBar | undefined;
  /** Where the last line stood. */
  private last = { phase: "", tenth: -1 };

  constructor(
    private readonly stream: NodeJS.WriteStream,
    private readonly quiet: boolean,
  ) {}

  update(progress: Progress): void {
    if (this.quiet) {
      return;
    }
    const percent = Math.floor((100 * progress.done) / Math.max(1, progress.total));
    if (this.stream.isTTY) {
      this.draw(progress);
      return;
    }
    const { phase, message } = progress;
    const tenth = Math.floor(percent / 10);
    if (hasShare(phase) && (phase !== this.last.phase || tenth > this.last.tenth)) {
      this.last = { phase, tenth };
      this.stream.write(`tracin: ${message}\n`);
    }
  }

  /** Writes a line that stays. */
  note(text: string): void {
    if (!this.quiet) {
      this.stop();
      this.stream.write(`tracin: ${text}\n`);
    }
  }

  /** Ends the bar, so that other text can be written. */
  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  private draw({ phase, done, total, message }: Progress): void {
    const isCounted = hasShare(phase);
    if (this.bar === undefined) {
      this.bar = new SingleBar(
        {
          format: "{bar} {percentage}% {message} {eta_text}",
          stream: this.stream,
          hideCursor: true,
          clearOnComplete: true,
          stopOnComplete: false,
          fps: 20,
        },
        Presets.shades_classic,
      );
      this.bar.start(1, 0, { message, eta_text: "" });
    }
    this.bar.setTotal(isCounted ? total : 1);
    this.bar.update(isCounted ? done : phase === "writing" ? 1 : 0, {
      // The bar has the percentage.
      message: message.replace(/: \d+%$/, ""),
      eta_text: "",
    });
  }
}
