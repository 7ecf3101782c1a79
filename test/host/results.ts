/** What one host test came to; `error` is undefined when it passed. */
export interface HostResult {
  readonly name: string;
  readonly error: string | undefined;
}

/** Names the variables by which the runner talks to the test extension. */
export const RESULTS_VARIABLE = "TRACIN_HOST_RESULTS";
