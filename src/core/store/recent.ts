/** Values that are kept for the keys used last. */
export class Recent<Value> {
  private readonly values = new Map<string, Value>();

  /** @param most number of values that are kept */
  constructor(private readonly most: number) {}

  /** The value of a key, made when it is not kept. */
  async get(key: string, make: () => Promise<Value>): Promise<Value> {
    const known = this.values.get(key);
    const value = known ?? (await make());
    // The last one in the map is the one used last.
    this.values.delete(key);
    this.values.set(key, value);
    for (const oldest of [...this.values.keys()].slice(0, -this.most)) {
      this.values.delete(oldest);
    }
    return value;
  }
}
