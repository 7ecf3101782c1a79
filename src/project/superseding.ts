/** Aborts what was asked for in a place when something else is wanted there. */
export class Superseding {
  private readonly latest = new Map<
    string,
    { readonly wanted: string; readonly by: AbortController }
  >();

  /**
   * The signal of what is wanted in a place: the same one for the same wish, such as the pages of one list.
   * The signal of another wish in that place is aborted.
   */
  signal(place: string, wanted: string): AbortSignal {
    const before = this.latest.get(place);
    if (before?.wanted === wanted) {
      return before.by.signal;
    }
    before?.by.abort();
    const by = new AbortController();
    this.latest.set(place, { wanted, by });
    return by.signal;
  }
}
