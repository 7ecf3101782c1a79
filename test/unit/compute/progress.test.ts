import { afterEach, expect, it, vi } from "vitest";
import { spaced } from "../../../src/compute/progress.ts";
import type { ScoreProgress } from "../../../src/core/tracin/scores.ts";

afterEach(() => {
  vi.useRealTimers();
});

it("tells of progress now and then, and of a new phase at once", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const told: string[] = [];
  const tell = spaced<ScoreProgress>(({ phase, done }) => void told.push(`${phase} ${done}`));
  for (let done = 0; done < 100; done++) {
    tell({ phase: "scoring", done, total: 100 });
    vi.advanceTimersByTime(1);
  }
  tell({ phase: "writing", done: 0, total: 1 });
  expect(told).toEqual(["scoring 0", "scoring 40", "scoring 80", "writing 0"]);
});
