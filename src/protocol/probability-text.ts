/**
 * A probability with two digits after the point, never rounded to 0 or 1: `0.61`, `<0.01`, `>0.99`.
 *
 * @param twoDigits writes a number; as JavaScript does unless told
 */
export function probabilityText(
  value: number,
  twoDigits: (value: number) => string = (number) => number.toFixed(2),
): string {
  if (value > 0 && value < 0.005) {
    return `<${twoDigits(0.01)}`;
  }
  return value < 1 && value >= 0.995 ? `>${twoDigits(0.99)}` : twoDigits(value);
}
