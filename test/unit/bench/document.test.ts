import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { documentFile, withPart } from "../../bench/document.ts";
import { slopeOf } from "../../bench/parts/scaling.ts";
import { comparisonTable, type Row } from "../../bench/rows.ts";

const row = (name: string, whole: number, computing: number, visits = 100): Row => ({
  name,
  whole,
  computing,
  visits,
  memory: 2e8,
});

describe("the bench's document", () => {
  const document =
    "# Title\n<!-- bench:a -->\nold\n<!-- end of bench:a -->\nprose\n<!-- bench:b -->\n<!-- end of bench:b -->\n";

  it("has one part replaced and everything else kept", () => {
    expect(withPart(document, "a", "new\n")).toBe(document.replace("old", "new"));
    expect(withPart(document, "b", "found")).toBe(
      document.replace("<!-- bench:b -->\n", "<!-- bench:b -->\nfound\n"),
    );
  });

  it("can be written twice", () => {
    const once = withPart(document, "a", "new");
    expect(withPart(once, "a", "new")).toBe(once);
  });

  it("must have a place for a part", () => {
    expect(() => withPart(document, "c", "new")).toThrow("bench:c");
  });

  it.each([
    "engine",
    "digits",
    "mlp",
    "cnn",
    "resnet18",
    "encoder4",
    "encoder6",
    "lstm",
    "last",
    "engines",
    "scaling",
    "queries",
  ])("has a place for %s", (name) => {
    expect(withPart(readFileSync(documentFile, "utf8"), name, "x")).toContain(
      `<!-- bench:${name} -->\nx\n<!-- end`,
    );
  });
});

describe("the bench's tables", () => {
  it("hold peers against ours", () => {
    const [, , ours, peer] = comparisonTable([row("ours", 2, 1), row("peer", 12, 10)], 1e9).split(
      "\n",
    );
    expect(ours).toBe("| ours | 2.00 | 1.00 | 100 | 200 |  |  |  |  |  |");
    expect(peer).toBe("| peer | 12.00 | 10.00 | 10 | 200 |  | 5.0 | 6.0 | 10.0 |  |");
  });

  it("hold a peer of fewer examples against ours by the pace of its computation, and its start as it is", () => {
    const rows = [row("ours", 2, 1), row("peer", 12, 10, 10)];
    expect(comparisonTable(rows, 1e9).split("\n").at(-1)).toBe(
      "| peer | 12.00 | 10.00 | 1 | 200 |  | 50.0 | 51.0 | 100.0 |  |",
    );
  });

  it("give shares of the peak for the whole process and the computation", () => {
    const table = comparisonTable([{ ...row("ours", 2, 1), multiplyAdds: 5e8 }], 1e9);
    expect(table).toContain("| 25% / 50% |");
  });

  it("say why a peer has no figures", () => {
    const none = { whole: null, computing: null, visits: null, memory: null };
    const table = comparisonTable([row("ours", 2, 1), { name: "peer", note: "no", ...none }], 1e9);
    expect(table.split("\n").at(-1)).toBe("| peer: no |  |  |  |  |  |  |  |  |  |");
  });

  it("find the exponent of growth", () => {
    const sizes = [1, 2, 4, 8, 16];
    expect(
      slopeOf(
        sizes,
        sizes.map((size) => 3 * size ** 1.5),
      ),
    ).toBeCloseTo(1.5, 12);
  });
});
