/**
 * A count with the word for what is counted, in the singular or the plural: `1 example`, `2,000 examples`.
 *
 * @param several the plural, where it is not the singular with an s
 */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : several}`;
}
