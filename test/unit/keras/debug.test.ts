import { test } from "vitest";
import { kerasGoldens } from "./golden.ts";
test.each(["up_sampling_k2","up_sampling_k3","operations_k3"])("%s", async (name) => {
  console.log(name, await kerasGoldens("layers").errors(name));
});
