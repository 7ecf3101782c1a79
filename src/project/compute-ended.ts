import { TracInError } from "../core/errors.ts";

/** The request was lost because the compute process ended; the person has been told of that once already. */
export class ComputeEnded extends TracInError {
  constructor(message: string, remedy: string) {
    super("engine", message, {}, remedy);
  }
}
