import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assign, type Candidate } from "../../../src/core/checkpoints/assignment.ts";
import type { OptimizerParameter } from "../../../src/core/checkpoints/checkpoint.ts";
import { sameShape } from "../../../src/core/graph/tensor.ts";

function candidates(shapes: readonly (readonly number[])[]): Candidate[] {
  return shapes.map((shape, index) => ({ name: `p${index}`, shape }));
}

/** The entries that an optimizer has when its groups hold these candidates, in this order. */
function entriesOf(
  all: readonly Candidate[],
  groups: readonly (readonly number[])[],
  isKept: (place: number) => boolean = () => true,
): OptimizerParameter[] {
  return groups.flatMap((places, group) =>
    places.map((place) => {
      const shape = all[place]?.shape;
      return { group, ...(shape !== undefined && isKept(place) ? { shape } : {}) };
    }),
  );
}

const shape = fc.constantFrom([2], [3], [2, 3], [3, 3]);

/** A module, and an optimizer over it whose groups are any parts of it, in the order of the module. */
const anyOptimizer = fc
  .array(fc.record({ shape, group: fc.integer({ min: -1, max: 2 }), kept: fc.boolean() }), {
    minLength: 1,
    maxLength: 9,
  })
  .map((members) => {
    const all = candidates(members.map((member) => member.shape));
    const groups = [0, 1, 2]
      .map((group) => members.flatMap((member, place) => (member.group === group ? [place] : [])))
      .filter((places) => places.length > 0);
    return { all, groups, kept: members.map((member) => member.kept) };
  });

/** For each entry the place that it really has. */
const truth = (groups: readonly (readonly number[])[]) => groups.flat();

describe("entries of the optimizer's state", () => {
  it("whatever the groups, the true assignment is never ruled out (without the run of neighbours)", () => {
    fc.assert(
      fc.property(anyOptimizer, fc.boolean(), ({ all, groups, kept }, isOrdered) => {
        const found = assign(
          entriesOf(all, groups, (at) => kept[at] === true),
          all,
          isOrdered,
        );
        fc.pre(found?.assumption === undefined);
        truth(groups).forEach((place, entry) => {
          expect(found?.entries[place]).toContain(entry);
        });
      }),
      { numRuns: 500 },
    );
  });

  it("nothing that every rule allows is ruled out", () => {
    fc.assert(
      fc.property(anyOptimizer, ({ all, groups }) => {
        fc.pre(groups.flat().length <= 6);
        const parameters = entriesOf(all, groups);
        const found = assign(parameters, all, true);
        fc.pre(found !== undefined && found.assumption === undefined);
        const possible = consistent(parameters, all);
        found?.entries.forEach((entries, place) => {
          const really = new Set(
            possible.flatMap((places) =>
              places.flatMap((at, entry) => (at === place ? [entry] : [])),
            ),
          );
          expect(entries).toEqual(expect.arrayContaining([...really]));
        });
      }),
      { numRuns: 300 },
    );
  });

  it("the Hugging Face split into weights and biases is decided by shapes and order", () => {
    const shapes = [[8, 4], [4, 4], [4], [4, 4], [4], [4], [6, 4], [6], [4]];
    const all = candidates(shapes);
    const groups = [
      [0, 1, 3, 6],
      [2, 4, 5, 7, 8],
    ];
    const found = assign(entriesOf(all, groups), all, true);
    expect(found?.assumption).toBeUndefined();
    truth(groups).forEach((place, entry) => {
      expect(found?.entries[place]).toEqual([entry]);
    });
  });

  it("without an order, only shapes that occur once are decided", () => {
    const all = candidates([
      [8, 4],
      [4, 4],
      [4, 4],
    ]);
    const found = assign(entriesOf(all, [[0, 1, 2]]), all, false);
    expect(found?.entries.map((entries) => entries.length)).toEqual([1, 2, 2]);
  });

  it("names decide everything", () => {
    const all = candidates([[2], [2], [2]]);
    const named = [2, 0, 1].map((place) => ({ group: 0, name: `p${place}` }));
    expect(assign(named, all, true)).toBeUndefined(); // against the order of the module
    expect(assign(named, all, false)?.entries).toEqual([[1], [2], [0]]);
  });

  it("frozen parameters may be among the entries or not", () => {
    const all = candidates([[8, 4], [4, 4], [4], [3, 4], [3]]);
    const head = assign(entriesOf(all, [[3, 4]]), all, true);
    expect(head?.entries).toEqual([[], [], [], [0], [1]]);
    const everything = assign(
      entriesOf(all, [[0, 1, 2, 3, 4]], (place) => place > 2),
      all,
      true,
    );
    expect(everything?.entries).toEqual([[0], [1], [2], [3], [4]]);
  });

  it("blocks of layers are runs of neighbours, where that leaves one solution", () => {
    const all = candidates([[4, 3], [3], [3, 3], [3], [3, 3], [3], [2, 3], [2]]);
    const groups = [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ];
    const found = assign(entriesOf(all, groups), all, true);
    expect(found?.assumption).toMatch(/neighbouring/);
    truth(groups).forEach((place, entry) => {
      expect(found?.entries[place]).toEqual([entry]);
    });
  });

  it("equal blocks stay open, and so do entries without any state", () => {
    const all = candidates([[3, 3], [3], [3, 3], [3]]);
    for (const kept of [true, false]) {
      const found = assign(
        entriesOf(
          all,
          [
            [2, 3],
            [0, 1],
          ],
          () => kept,
        ),
        all,
        true,
      );
      expect(found?.assumption).toBeUndefined();
      expect(found?.entries.every((entries) => entries.length > 1)).toBe(true);
    }
  });

  it("groups that the configuration tells decide between equal blocks", () => {
    const all = candidates([[3, 3], [3], [3, 3], [3]]);
    const told = all.map((candidate, place) => ({ ...candidate, group: place < 2 ? 1 : 0 }));
    const found = assign(
      entriesOf(all, [
        [2, 3],
        [0, 1],
      ]),
      told,
      true,
    );
    expect(found?.entries).toEqual([[2], [3], [0], [1]]);
  });

  it("a state of another model is impossible", () => {
    const all = candidates([[3, 3], [3]]);
    expect(assign([{ group: 0, shape: [4] }], all, true)).toBeUndefined();
    expect(assign(entriesOf(all, [[1, 0]]), all, true)).toBeUndefined();
    expect(assign(Array(3).fill({ group: 0 }), all, true)).toBeUndefined();
    expect(
      assign(Array(20_000).fill({ group: 0 }), candidates(Array(20_000).fill([2])), true),
    ).toBe(undefined);
  });
});

/** Every assignment that keeps shapes, order inside groups, and gives no place twice; slow and plain. */
function consistent(
  parameters: readonly OptimizerParameter[],
  all: readonly Candidate[],
): number[][] {
  const found: number[][] = [];
  const go = (places: number[]): void => {
    const entry = places.length;
    const parameter = parameters[entry];
    if (parameter === undefined) {
      found.push(places);
      return;
    }
    all.forEach((candidate, place) => {
      const isInOrder = places.every(
        (other, index) => parameters[index]?.group !== parameter.group || other < place,
      );
      const fits = parameter.shape === undefined || sameShape(parameter.shape, candidate.shape);
      if (fits && isInOrder && !places.includes(place)) {
        go([...places, place]);
      }
    });
  };
  go([]);
  return found;
}
