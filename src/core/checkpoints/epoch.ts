/**
 * The epoch that a name tells: the number after the word (`epoch-3/model.json`, `epoch=7-step=400.ckpt`), or the whole
 * number beside fractional ones, as Keras's ModelCheckpoint writes it (`weights.05-0.43.keras`).
 */
export function epochInName(file: string): number | undefined {
  const word = /(?:^|[^a-z])epochs?[-_=. ]?(\d+)(?![\d.]*\d)/i.exec(file)?.[1];
  if (word !== undefined) {
    return Number(word);
  }
  const name = file.slice(file.lastIndexOf("/") + 1).replace(/(\.weights)?\.[a-z]+\d?$/i, "");
  const numbers = name.match(/\d+(\.\d+)?/g) ?? [];
  const whole = numbers.filter((number) => !number.includes("."));
  return whole.length === 1 && numbers.length > 1 ? Number(whole[0]) : undefined;
}
