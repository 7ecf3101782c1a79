import type { GraphBuilder } from "../../../../graph/builder.ts";
import { equalSizes, maskAsFloat, split, unsqueeze } from "../../masks.ts";
import type { Cell } from "./cell.ts";

/** A mask [batch, time] cut into steps: 1 where a step counts, and the opposite. */
export interface StepMask {
  readonly kept: string;
  readonly held: string;
}

/** The steps of a mask, for step values of a rank. */
export function stepMasks(
  builder: GraphBuilder,
  mask: string,
  steps: number,
  rank: number,
): readonly StepMask[] {
  const axes = Array.from({ length: rank - 2 }, (_, index) => index + 2);
  const kept = unsqueeze(builder, maskAsFloat(builder, mask), axes);
  const held = builder.sub(builder.scalar(1), kept);
  const sizes = equalSizes(steps, 1);
  const [keptSteps, heldSteps] = [kept, held].map((value) => split(builder, value, 1, sizes));
  return sizes.map((_, step) => ({
    kept: keptSteps?.[step] ?? kept,
    held: heldSteps?.[step] ?? held,
  }));
}

export interface UnrollOptions {
  /** States at the start; zeros where undefined. */
  readonly initial: readonly (string | undefined)[];
  readonly masks: readonly StepMask[] | undefined;
  /** Outputs at masked steps are zero, instead of those of the step before. */
  readonly zeroMasked: boolean;
}

/** What a recurrent layer gives: step values in the order in which the steps were taken. */
export interface Unrolled {
  readonly outputs: readonly string[];
  readonly states: readonly string[];
}

/**
 * One copy of a cell for each step. At a masked step every state keeps its value, and the output is that of the step before:
 * zeros before the first step that counts, even where an initial state was given.
 */
export function unroll(
  builder: GraphBuilder,
  cell: Cell,
  projected: readonly string[],
  { initial, masks, zeroMasked }: UnrollOptions,
): Unrolled {
  const outputs: string[] = [];
  let states: readonly (string | undefined)[] = initial;
  for (const [step, input] of projected.entries()) {
    const next = cell.step(input, states);
    const mask = masks?.[step];
    const before = states;
    const held = mask
      ? next.map((value, index) => hold(builder, mask, value, before[index]))
      : next;
    const [output = ""] = next;
    if (mask === undefined) {
      outputs.push(output);
    } else if (zeroMasked) {
      outputs.push(builder.mul(output, mask.kept));
    } else if (initial[0] === undefined) {
      outputs.push(held[0] ?? "");
    } else {
      outputs.push(hold(builder, mask, output, outputs.at(-1)));
    }
    states = held;
  }
  return { outputs, states: states.map((state) => state ?? "") };
}

/** `value` where the step counts, else `before` (zero where undefined). A sum and not Where, which is slow on masks. */
function hold(
  builder: GraphBuilder,
  { kept, held }: StepMask,
  value: string,
  before: string | undefined,
): string {
  const taken = builder.mul(value, kept);
  return before === undefined ? taken : builder.add2(taken, builder.mul(before, held));
}
