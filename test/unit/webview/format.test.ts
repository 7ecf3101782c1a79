import { describe, expect, it } from "vitest";
import {
  formatCount,
  formatNumber,
  formatProbability,
  formatSeconds,
} from "../../../webview/format.ts";

describe("formatNumber", () => {
  it.each([
    [0.18234, "+0.182"],
    [0.18, "+0.180"],
    [-12.345, "-12.3"],
    [1234.5, "+1,230"],
    [0.00004099, "+4.10E-5"],
    [-2.5e7, "-2.50E7"],
    [0, "0"],
    [Number.NaN, "NaN"],
  ])("writes the score %d as %s", (value, text) => {
    expect(formatNumber(value, "signed", "en")).toBe(text);
  });

  it("leaves the plus out of numbers without sign", () => {
    expect(formatNumber(24.68, "unsigned", "en")).toBe("24.7");
  });

  it("follows the locale", () => {
    expect(formatNumber(0.18234, "signed", "de")).toBe("+0,182");
    expect(formatCount(100_000, "de")).toBe("100.000");
  });
});

describe("formatProbability", () => {
  it.each([
    [0, "0.00"],
    [0.0005, "<0.01"],
    [0.613, "0.61"],
    [0.9997, ">0.99"],
    [1, "1.00"],
  ])("writes %d as %s", (value, text) => {
    expect(formatProbability(value, "en")).toBe(text);
  });
});

describe("formatSeconds", () => {
  it.each([
    [0.0412, "0.04 s"],
    [0.412, "0.4 s"],
    [12.3, "12 s"],
    [59.7, "1 min 0 s"],
    [184, "3 min 4 s"],
  ])("writes %d as %s", (seconds, text) => {
    expect(formatSeconds(seconds, "en")).toBe(text);
  });
});
