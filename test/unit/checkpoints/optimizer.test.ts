import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";

const golden = join(import.meta.dirname, "../golden/checkpoints");
/** Of the model in test/golden/checkpoints.py, in the order of its parameters. */
const shapes = [[3, 4], [3], [3], [3], [2, 3], [2]];

describe("optimizer states", () => {
  it("Adam: a second moment for each parameter, corrected for two steps", async () => {
    const checkpoint = await openCheckpoint(join(golden, "trained-adam.pt"), "trained-adam.pt");
    const { optimizer } = checkpoint;
    expect(optimizer?.algorithm).toBe("Adam");
    expect(optimizer?.parameters.map(({ shape }) => shape)).toEqual(shapes);
    for (const [index, { group, secondMoment }] of (optimizer?.parameters ?? []).entries()) {
      expect(group).toBe(0);
      expect(secondMoment).toEqual({
        second: `optimizer_state_dict.state[${index}].exp_avg_sq`,
        correction: expect.closeTo(1 / (1 - 0.999 ** 2), 6),
        inside: 0,
        outside: 1e-8,
      });
      const { dtype, shape, data } = (await optimizer?.read(secondMoment?.second ?? "")) ?? {};
      expect([dtype, shape]).toEqual(["float32", shapes[index]]);
      expect(Math.min(...Array.from(data ?? [], Number))).toBeGreaterThanOrEqual(0);
    }
    await checkpoint.close();
  });

  it("SGD with momentum: shapes, but no second moment", async () => {
    const checkpoint = await openCheckpoint(join(golden, "trained-sgd.pt"), "trained-sgd.pt");
    await checkpoint.close();
    expect(checkpoint.optimizer?.algorithm).toBe("SGD");
    expect(checkpoint.optimizer?.parameters).toEqual(shapes.map((shape) => ({ group: 0, shape })));
  });

  it("groups are told apart; without momentum no shape is known", async () => {
    const checkpoint = await openCheckpoint(join(golden, "groups.pt"), "groups.pt");
    await checkpoint.close();
    expect(checkpoint.optimizer?.parameters.map(({ group }) => group)).toEqual([0, 0, 1, 1]);
    expect(checkpoint.optimizer?.parameters.some(({ shape }) => shape !== undefined)).toBe(false);
  });

  it("schedulers: rate in force, rates at the start, count and settings", async () => {
    const checkpoint = await openCheckpoint(join(golden, "trained-sgd.pt"), "trained-sgd.pt");
    await checkpoint.close();
    expect(checkpoint.schedulers).toEqual([
      {
        source: "scheduler._last_lr",
        current: [0.025],
        base: [0.1],
        count: 2,
        settings: new Map([
          ["step_size", 1],
          ["gamma", 0.5],
          ["last_epoch", 2],
          ["_step_count", 3],
        ]),
      },
    ]);
  });
});
