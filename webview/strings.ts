import { listsStrings } from "./strings/lists.ts";
import { queryStrings } from "./strings/query.ts";
import { reviewStrings } from "./strings/review.ts";
import { runStrings } from "./strings/run.ts";
import { startStrings } from "./strings/start.ts";
import { testSetStrings } from "./strings/test-set.ts";

/** Every text of the panel, in one place so that it can be translated. */
export const strings = {
  title: "Influence of training examples",
  unknownError: "Something went wrong.",
  error: { showLog: "Show Log", retry: "Try Again", back: "Back", backToRun: "Back to the Run" },
  ...startStrings,
  ...queryStrings,
  ...runStrings,
  ...testSetStrings,
  ...listsStrings,
  ...reviewStrings,
} as const;
