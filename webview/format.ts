import { probabilityText } from "../src/protocol/probability-text.ts";

/**
 * Numbers as a person reads them. `locale` is a BCP 47 tag; undefined takes the environment's.
 */

/** Below this and from `largest` on, powers of ten are shorter and clearer than zeros. */
const smallest = 1e-3;
const largest = 1e6;

type Sign = "signed" | "unsigned";

const formats = new Map<string, Intl.NumberFormat>();

function numberFormat(
  key: string,
  locale: string | undefined,
  options: Intl.NumberFormatOptions,
): Intl.NumberFormat {
  const name = `${key}/${locale ?? ""}`;
  let format = formats.get(name);
  if (!format) {
    format = new Intl.NumberFormat(locale, options);
    formats.set(name, format);
  }
  return format;
}

/** A score, loss or rate with three significant digits: `+0.182`, `12.3`, `4.10E-5`. */
export function formatNumber(value: number, sign: Sign = "unsigned", locale?: string): string {
  const size = Math.abs(value);
  const scientific = size !== 0 && (size < smallest || size >= largest);
  const format = numberFormat(`${sign}/${scientific}`, locale, {
    minimumSignificantDigits: value === 0 ? 1 : 3,
    maximumSignificantDigits: value === 0 ? 1 : 3,
    notation: scientific ? "scientific" : "standard",
    signDisplay: sign === "signed" ? "exceptZero" : "negative",
  });
  return value === 0 ? "0" : format.format(value);
}

/** A mean of two places: `1,204`, `6.5`. */
export function formatPlace(value: number, locale?: string): string {
  return numberFormat("place", locale, { maximumFractionDigits: 1 }).format(value);
}

/** A probability as in the marks on data files, with the digits of the locale: `0.61`, `>0.99`. */
export function formatProbability(value: number, locale?: string): string {
  const { format } = numberFormat("probability", locale, {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  });
  return probabilityText(value, format);
}

/** A share of a whole: `92.5%`; all and nothing are never rounded to. */
export function formatShare(value: number, locale?: string): string {
  const format = numberFormat("share", locale, { style: "percent", maximumFractionDigits: 1 });
  if (value > 0 && value < 0.0005) {
    return `<${format.format(0.001)}`;
  }
  return value < 1 && value >= 0.9995 ? `>${format.format(0.999)}` : format.format(value);
}

/** A count: `100,000`. */
export function formatCount(value: number, locale?: string): string {
  return numberFormat("count", locale, { maximumFractionDigits: 0 }).format(value);
}

/** How long something took: `0.4 s`, `12 s`, `3 min 4 s`. */
export function formatSeconds(seconds: number, locale?: string): string {
  const unit = (value: number, name: "second" | "minute", digits: number) =>
    numberFormat(`${name}/${digits}`, locale, {
      style: "unit",
      unit: name,
      unitDisplay: "short",
      maximumFractionDigits: digits,
    })
      .format(value)
      .replace("sec", "s");
  if (seconds < 9.95) {
    return unit(seconds, "second", seconds < 0.095 ? 2 : 1);
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return unit(whole, "second", 0);
  }
  return `${unit(Math.floor(whole / 60), "minute", 0)} ${unit(whole % 60, "second", 0)}`;
}
