import { expect, it } from "vitest";
import { distinctNames, formatSeconds } from "../../../src/views/format.ts";

it.each([
  [
    ["run/epoch-1.pt", "run/epoch-2.pt"],
    ["epoch-1.pt", "epoch-2.pt"],
  ],
  [
    ["out/checkpoint-10/model.safetensors", "out/checkpoint-20/model.safetensors"],
    ["checkpoint-10/model.safetensors", "checkpoint-20/model.safetensors"],
  ],
  [
    ["a/x/m.pt", "b/x/m.pt"],
    ["a/x/m.pt", "b/x/m.pt"],
  ],
  [[], []],
])("names files so that they are told apart: %j", (paths, names) => {
  expect(distinctNames(paths)).toEqual(names);
});

it.each([
  [0.02, "0.1 s"],
  [3.14, "3.1 s"],
  [42.4, "42 s"],
  [300, "5 min"],
])("writes a duration of %d seconds", (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});
