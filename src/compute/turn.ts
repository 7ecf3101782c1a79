/** Lets one computation run at a time: two would share cores and memory that are counted for one. */
export class Turn {
  private last: Promise<unknown> = Promise.resolve();

  take<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(action, action);
    this.last = result.catch(() => undefined);
    return result;
  }
}
