/** One kept entry: an example number and its value. */
export interface Ranked {
  readonly index: number;
  readonly value: number;
}

/**
 * Keeps the `capacity` largest values of a stream in a bounded min-heap. Equal values are ranked by the smaller
 * index, whatever the order of arrival, so that the result does not depend on batches or processes.
 * NaN is never kept. For the smallest values, feed the negated ones.
 */
export class TopK {
  /** Heap with the worst kept entry at the root. */
  private readonly heap: Ranked[] = [];

  constructor(private readonly capacity: number) {}

  /** Offers one value; O(log capacity) when it is kept, O(1) otherwise. */
  push(index: number, value: number): void {
    if (Number.isNaN(value) || this.capacity <= 0) {
      return;
    }
    const root = this.heap[0];
    if (this.heap.length < this.capacity || root === undefined) {
      this.heap.push({ index, value });
      this.siftUp(this.heap.length - 1);
    } else if (value > root.value || (value === root.value && index < root.index)) {
      this.heap[0] = { index, value };
      this.siftDown(0);
    }
  }

  /** Forgets all entries. */
  clear(): void {
    this.heap.length = 0;
  }

  /** Numbers of the kept entries, in no order. */
  indices(): number[] {
    return this.heap.map(({ index }) => index);
  }

  /** The kept entries, best first. */
  sorted(): Ranked[] {
    return this.heap.toSorted((a, b) => b.value - a.value || a.index - b.index);
  }

  private siftUp(start: number): void {
    let child = start;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.swapIfBetter(parent, child)) {
        return;
      }
      child = parent;
    }
  }

  private siftDown(start: number): void {
    let parent = start;
    for (;;) {
      let worst = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        const entry = this.heap[child];
        const current = this.heap[worst];
        if (entry !== undefined && current !== undefined && ranksBefore(current, entry)) {
          worst = child;
        }
      }
      if (worst === parent) {
        return;
      }
      this.swapIfBetter(parent, worst);
      parent = worst;
    }
  }

  /** Swaps when the entry above ranks before the one below it (the root must be the worst). */
  private swapIfBetter(above: number, below: number): boolean {
    const a = this.heap[above];
    const b = this.heap[below];
    if (a === undefined || b === undefined || !ranksBefore(a, b)) {
      return false;
    }
    this.heap[above] = b;
    this.heap[below] = a;
    return true;
  }
}

function ranksBefore(a: Ranked, b: Ranked): boolean {
  return a.value > b.value || (a.value === b.value && a.index < b.index);
}
