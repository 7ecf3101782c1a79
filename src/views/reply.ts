import { TracInError } from "../core/errors.ts";
import type { PanelReply } from "../protocol/panel.ts";

/** An answer in any case: a page that waits for ever cannot say what is wrong. */
export async function reply<T>(
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<PanelReply<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    const problem = TracInError.from(error);
    const where = new TracInError(problem.kind, problem.message, problem.place);
    return {
      ok: false,
      message: where.describe(),
      remedy: problem.remedy,
      ...(signal?.aborted === true ? { superseded: true } : {}),
    };
  }
}
