/** Counts what must not happen too often: at most `limit` times in `period` milliseconds. */
export class RestartLimit {
  private times: number[] = [];

  constructor(
    private readonly limit: number,
    private readonly period: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** It happened again. */
  add(): void {
    const now = this.now();
    this.times = [...this.times.filter((time) => now - time < this.period), now];
  }

  /** Whether it happened `limit` times within the period; stays so until {@link clear}. */
  get exhausted(): boolean {
    return this.times.length >= this.limit;
  }

  clear(): void {
    this.times = [];
  }
}
