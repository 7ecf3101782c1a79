import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../src/core/config/load.ts";
import { editDistance, nearestName } from "../../../src/core/config/nearest.ts";
import { configJsonSchema, type JsonSchema, knownKeys } from "../../../src/core/config/schema.ts";

/** Every key that the schema names anywhere. */
function allKeys(): string[] {
  const keys = new Set<string>();
  const visit = (place: JsonSchema): void => {
    for (const [key, child] of Object.entries(place.properties ?? {})) {
      keys.add(key);
      visit(child);
    }
    for (const child of [place.additionalProperties, place.items]) {
      if (typeof child === "object") {
        visit(child);
      }
    }
    for (const child of [...(place.prefixItems ?? []), ...(place.anyOf ?? [])]) {
      visit(child);
    }
  };
  visit(configJsonSchema());
  return [...keys];
}

describe("the JSON schema of tracin.json", () => {
  it("is committed as media/tracin.schema.json (npm run schema writes it)", async () => {
    const committed: unknown = JSON.parse(await readFile("media/tracin.schema.json", "utf8"));
    expect(committed).toEqual(JSON.parse(JSON.stringify(configJsonSchema())));
  });

  it("has every key named in docs/configuration.md", async () => {
    const text = await readFile("docs/configuration.md", "utf8");
    const missing = allKeys().filter((key) => !text.includes(`\`${key}\``));
    expect(missing).toEqual([]);
    expect(allKeys().length).toBeGreaterThan(30);
  });

  it("takes every example of docs/configuration.md", async () => {
    const text = await readFile("docs/configuration.md", "utf8");
    const [whole = "", ...parts] = [...text.matchAll(/```jsonc\n(.*?)```/gs)].map(
      ([, example = ""]) => example,
    );
    const base: unknown = parseConfig(whole);
    expect(parts.length).toBeGreaterThan(5);
    for (const part of parts) {
      const example: unknown = JSON.parse(`{${part}}`);
      const merged = JSON.stringify(Object.assign({}, base, example));
      expect(parseConfig(merged)).toMatchObject(Object.assign({}, example));
    }
  });

  it("knows the keys at a path over all variants", () => {
    expect(knownKeys([])).toContain("checkpoints");
    expect(knownKeys(["data", "train"])).toEqual(
      expect.arrayContaining(["csv", "jsonl", "images", "npy", "target"]),
    );
    expect(knownKeys(["features", "x", "image"])).toEqual(
      expect.arrayContaining(["size", "channels", "mean"]),
    );
    expect(knownKeys(["model"])).toEqual([]);
  });
});

describe("nearestName", () => {
  it.each([
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["abc", "abc", 0],
  ])("distance of %j and %j is %i", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it("suggests nothing for a name that is like none", () => {
    expect(nearestName("zzzzzz", ["model", "data"])).toBeUndefined();
    expect(nearestName("LAYER", ["model", "layers"])).toBe("layers");
  });
});
