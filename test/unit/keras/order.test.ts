import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { kerasGoldens } from "./golden.ts";

/** By golden, the trained variables in the order in which the real Keras gives them to an optimizer (test/golden/keras_order.py). */
const orders: Readonly<Record<string, readonly string[]>> = JSON.parse(
  readFileSync(join(import.meta.dirname, "../golden/keras/order.json"), "utf8"),
);

describe.each(["layers", "recurrent"])("the order of an optimizer's variables, %s", (folder) => {
  const goldens = kerasGoldens(folder);

  it.each(goldens.names)("%s", (name) => {
    const { order = [], weights } = goldens.model(name);
    const expected = orders[`${folder}/${name}`] ?? [];
    expect(expected.length).toBeGreaterThan(0);
    const aliases = new Map(weights.map((weight) => [weight.name, weight.aliases]));
    expect(
      order.map((own) => expected.find((path) => path === own || aliases.get(own)?.includes(path))),
    ).toEqual(expected);
  });
});
