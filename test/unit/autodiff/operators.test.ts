import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { rules } from "../../../src/core/autodiff/rules/rules.ts";
import { kernels as reference } from "../../../src/core/engines/reference/engine.ts";
import { kernels as tensorflow } from "../../../src/core/engines/tensorflow/kernels.ts";
import { composites } from "../../../src/core/models/composites.ts";
import { expandedOperators } from "../../../src/core/models/expand.ts";
import { newestOpset } from "../../../src/core/models/opsets.ts";
import { cases } from "./cases.ts";

/** The operators of the standard (test/golden/onnx_operators.py). */
const standard: {
  readonly version: string;
  readonly opset: number;
  readonly operators: Readonly<Record<string, number>>;
} = JSON.parse(readFileSync(new URL("../golden/onnx/operators.json", import.meta.url), "utf8"));
const document = new URL("../../../docs/operators.md", import.meta.url);

/** Operators that importing or folding replaces, beside those of the two tables. */
const replaced = new Set([
  ...Object.keys(composites),
  ...expandedOperators,
  "CastLike",
  "Constant",
]);

type Handling = "differentiated" | "replaced" | "executed" | "refused";

function handlingOf(op: string): Handling {
  if (rules.has(op)) {
    return "differentiated";
  }
  return replaced.has(op) ? "replaced" : reference.has(op) ? "executed" : "refused";
}

const texts: Readonly<Record<Handling, readonly [string, string]>> = {
  differentiated: [
    "Differentiated",
    "Executed by every engine, with a gradient rule (`src/core/autodiff/rules`). Each rule has a test of random cases against finite differences in double precision.",
  ],
  replaced: [
    "Written with the operators above",
    "When the model is imported, or once the shapes of the data are known; tested against the ONNX project's node tests, PyTorch, or values by hand.",
  ],
  executed: [
    "Executed, and no gradient passes",
    "Their results are integers, booleans or constants.",
  ],
  refused: [
    "Refused",
    "Where a gradient would have to pass, with an error that names node and module. onnxruntime executes most of them, so that they may stand where no parameter does: before the first layer that counts.",
  ],
};

function render(): string {
  const sections = (Object.keys(texts) as Handling[]).map((handling) => {
    const [title, text] = texts[handling];
    const names = Object.keys(standard.operators).filter((op) => handlingOf(op) === handling);
    return `## ${title} (${names.length})\n\n${text}\n\n${names.join(", ")}.\n`;
  });
  return [
    `# ONNX operators

Every operator of the ONNX standard up to operator set ${standard.opset} (the \`onnx\` package ${standard.version}) that is not deprecated. Made by
\`TRACIN_UPDATE=1 npx vitest run test/unit/autodiff/operators.test.ts\`, which fails where this page is not what the code does.
`,
    ...sections,
  ].join("\n");
}

describe("operators of the ONNX standard", () => {
  test("are handled as docs/operators.md says", () => {
    if (process.env["TRACIN_UPDATE"] === "1") {
      writeFileSync(document, render());
    }
    expect(readFileSync(document, "utf8")).toBe(render());
  });

  test("the newest operator set that is read is the one that was looked through", () => {
    expect(newestOpset).toBe(standard.opset);
  });

  test("every differentiated operator has cases for finite differences, and runs on every engine", () => {
    for (const op of rules.keys()) {
      expect([op, Object.hasOwn(cases, op)]).toEqual([op, true]);
      expect([op, reference.has(op), tensorflow.has(op)]).toEqual([op, true, true]);
    }
  });

  test("every rule belongs to an operator of the standard", () => {
    expect([...rules.keys()].filter((op) => !Object.hasOwn(standard.operators, op))).toEqual([]);
  });
});
