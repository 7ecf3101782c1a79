/** What every part of the bench may use. */
export interface BenchContext {
  /** Empty folder for workspaces. */
  readonly folder: string;
  /** Multiply-adds per second of the machine's matrix product. */
  readonly peak: number;
  /** Interpreter with the peers' packages and PyTorch; without it what needs them is left out. */
  readonly python: string | undefined;
  /** Few examples: to try the bench, not to measure. */
  readonly quick: boolean;
  readonly withPeers: boolean;
}

export interface PartResult {
  /** What the document says. */
  readonly markdown: string;
  /** The same for programs. */
  readonly data: unknown;
}

/** A part of the bench and of the document. */
export interface Part {
  readonly name: string;
  /** Undefined where something that it needs is missing. */
  run(context: BenchContext): Promise<PartResult | undefined>;
}
