import { type Shape, sameShape } from "../graph/tensor.ts";
import type { OptimizerParameter } from "./checkpoint.ts";

/** A tensor that an optimizer may train. */
export interface Candidate {
  readonly name: string;
  readonly shape: Shape;
  /** Group that is known to hold it, where the configuration says so. */
  readonly group?: number | undefined;
}

/** Which entries of an optimizer's state each tensor can be. */
export interface Assignment {
  /** For each candidate the entries (places in the list of parameters) that can be it; one where it is certain. */
  readonly entries: readonly (readonly number[])[];
  /** What was taken for granted, as a person reads it. */
  readonly assumption?: string;
}

/** Entries times candidates, and groups, beyond which nothing is compared; large models have some thousand of each. */
const mostPairs = 50_000_000;
const mostGroups = 500;
/** Steps of the search for runs of neighbours, beyond which it is given up. */
const mostSteps = 200_000;

/**
 * Finds out which tensor each entry of an optimizer's state belongs to. Entries have no names in most files, only an
 * order and, where the optimizer keeps averages, a shape. Frozen tensors may be among them or not; of tied ones the
 * candidates list one.
 *
 * What holds for every optimizer: an entry has the shape of its tensor, no tensor has two entries, and entries of one
 * group come in the order of the module (`isOrdered`: the candidates do too). What this leaves open is decided, if that
 * gives one solution alone, by taking each group for a run of neighbours, as modules are.
 * @returns undefined when no assignment is possible
 */
export function assign(
  parameters: readonly OptimizerParameter[],
  candidates: readonly Candidate[],
  isOrdered: boolean,
): Assignment | undefined {
  if (parameters.length * candidates.length > mostPairs) {
    return undefined;
  }
  const domains = new Domains(parameters, candidates, isOrdered);
  if (!domains.narrow()) {
    return undefined;
  }
  if (!domains.isDecided && isOrdered) {
    const runs = findRuns(domains.groups(), parameters, candidates);
    if (runs !== undefined) {
      return {
        entries: invert(runs, candidates.length),
        assumption: "each parameter group is a run of neighbouring parameters",
      };
    }
  }
  return { entries: invert(domains.all, candidates.length) };
}

/** For each entry the candidates that it can be. */
class Domains {
  readonly all: Set<number>[];

  constructor(
    private readonly parameters: readonly OptimizerParameter[],
    private readonly candidates: readonly Candidate[],
    private readonly isOrdered: boolean,
  ) {
    this.all = parameters.map(
      (parameter) =>
        new Set(
          candidates.flatMap((candidate, index) => (fits(parameter, candidate) ? [index] : [])),
        ),
    );
  }

  get isDecided(): boolean {
    return this.all.every(({ size }) => size === 1);
  }

  /** Entries by group, in order. */
  groups(): readonly (readonly number[])[] {
    const groups: number[][] = [];
    this.parameters.forEach(({ group }, entry) => {
      groups[group] ??= [];
      groups[group].push(entry);
    });
    return groups.filter((entries) => entries !== undefined);
  }

  /** Removes what is impossible until nothing changes; false when an entry is left without a candidate. */
  narrow(): boolean {
    for (;;) {
      const before = this.size;
      const isPossible =
        (!this.isOrdered || this.groups().every((entries) => this.keepOrder(entries))) &&
        this.keepApart();
      if (!isPossible || this.all.some(({ size }) => size === 0)) {
        return false;
      }
      if (this.size === before) {
        return true;
      }
    }
  }

  private get size(): number {
    return this.all.reduce((sum, domain) => sum + domain.size, 0);
  }

  /** Each entry lies between the leftmost and the rightmost place that leaves room for those around it. */
  private keepOrder(entries: readonly number[]): boolean {
    const bounds = new Map<number, number>();
    let last = -1;
    for (const entry of entries) {
      last = Math.min(...[...this.domain(entry)].filter((place) => place > last));
      bounds.set(entry, last);
    }
    let next = this.candidates.length;
    for (const entry of entries.toReversed()) {
      next = Math.max(...[...this.domain(entry)].filter((place) => place < next));
      for (const place of this.domain(entry)) {
        if (place > next || place < (bounds.get(entry) ?? 0)) {
          this.domain(entry).delete(place);
        }
      }
    }
    return Number.isFinite(last) && Number.isFinite(next);
  }

  /** No tensor has two entries; where there are as many entries as tensors, every tensor has one. */
  private keepApart(): boolean {
    const holders = new Map<number, number[]>();
    this.all.forEach((domain, entry) => {
      for (const place of domain) {
        const known = holders.get(place);
        if (known) {
          known.push(entry);
        } else {
          holders.set(place, [entry]);
        }
      }
    });
    if (this.parameters.length === this.candidates.length) {
      for (const [place, [only, ...others]] of holders) {
        if (only !== undefined && others.length === 0) {
          this.all[only] = new Set([place]);
        }
      }
    }
    for (const [entry, domain] of this.all.entries()) {
      const [place] = domain;
      if (domain.size === 1 && place !== undefined) {
        for (const other of holders.get(place) ?? []) {
          if (other !== entry && this.all[other]?.delete(place) && this.all[other]?.size === 0) {
            return false;
          }
        }
      }
    }
    return true;
  }

  private domain(entry: number): Set<number> {
    return this.all[entry] ?? new Set();
  }
}

function fits(parameter: OptimizerParameter, candidate: Candidate): boolean {
  return (
    (parameter.name === undefined || parameter.name === candidate.name) &&
    (parameter.shape === undefined || sameShape(parameter.shape, candidate.shape)) &&
    (candidate.group === undefined || candidate.group === parameter.group)
  );
}

/** The one way to lay all groups out as runs of neighbours, as domains; undefined for none, or more than one. */
function findRuns(
  groups: readonly (readonly number[])[],
  parameters: readonly OptimizerParameter[],
  candidates: readonly Candidate[],
): Set<number>[] | undefined {
  if (groups.length > mostGroups) {
    return undefined;
  }
  const isRun = (entries: readonly number[], start: number): boolean =>
    entries.every((entry, offset) => {
      const [parameter, candidate] = [parameters[entry], candidates[start + offset]];
      return parameter !== undefined && candidate !== undefined && fits(parameter, candidate);
    });
  const starts = groups.map((entries) =>
    candidates.map((_, start) => start).filter((start) => isRun(entries, start)),
  );
  const solutions: number[][] = [];
  const taken = new Set<number>();
  let steps = 0;
  const place = (group: number, chosen: readonly number[]): void => {
    const entries = groups[group];
    if (entries === undefined) {
      solutions.push([...chosen]);
      return;
    }
    for (const start of starts[group] ?? []) {
      const run = entries.map((_, offset) => start + offset);
      if (++steps > mostSteps || solutions.length > 1) {
        return;
      }
      if (run.every((at) => !taken.has(at))) {
        for (const at of run) {
          taken.add(at);
        }
        place(group + 1, [...chosen, start]);
        for (const at of run) {
          taken.delete(at);
        }
      }
    }
  };
  place(0, []);
  const [solution, another] = solutions;
  if (solution === undefined || another !== undefined || steps > mostSteps) {
    return undefined;
  }
  const domains = parameters.map(() => new Set<number>());
  groups.forEach((entries, group) => {
    entries.forEach((entry, offset) => {
      domains[entry]?.add((solution[group] ?? 0) + offset);
    });
  });
  return domains;
}

function invert(domains: readonly ReadonlySet<number>[], count: number): number[][] {
  const entries: number[][] = Array.from({ length: count }, () => []);
  domains.forEach((domain, entry) => {
    for (const place of domain) {
      entries[place]?.push(entry);
    }
  });
  return entries;
}
