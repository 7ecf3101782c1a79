import { rankNeighbours } from "../compute/neighbours.ts";
import type { ScorerInUse } from "../compute/scoring.ts";
import { trainingData } from "../core/config/project.ts";
import type { Locator } from "../core/datasets/dataset.ts";
import { Fingerprints } from "../core/store/inputs.ts";
import type { RunRow } from "../core/store/reader.ts";
import type { Ranked } from "../core/tracin/topk.ts";
import { placeJson, placeText } from "./run-output.ts";
import { paint, signed, type Terminal, table } from "./terminal.ts";

interface Neighbour {
  readonly index: number;
  readonly score: number;
  readonly target: string;
  readonly locator: Locator;
}

/** The training examples that argue for and against a label, strongest first. */
export interface FoundNeighbours {
  readonly for: readonly Neighbour[];
  readonly against: readonly Neighbour[];
}

/** The neighbours of some training examples, found in one pass; none for a limit of 0. */
export async function neighboursOf(
  opened: ScorerInUse,
  rows: readonly RunRow[],
  limit: number,
  signal: AbortSignal,
): Promise<readonly FoundNeighbours[]> {
  if (limit === 0 || rows.length === 0) {
    return [];
  }
  const indices = rows.map(({ index }) => index);
  const options = { fingerprints: new Fingerprints(), signal };
  const ranked = await rankNeighbours(opened, indices, limit, options);
  const { project } = opened;
  const train = trainingData(project);
  const shown = async ({ index, value }: Ranked): Promise<Neighbour> => {
    const [target = ""] = await project.encoder.targetTexts(train, index, index + 1);
    return { index, score: value, target, locator: train.locator(index) };
  };
  return Promise.all(
    ranked.map(async (found) => ({
      for: await Promise.all(found.for.map(shown)),
      against: await Promise.all(found.against.map(shown)),
    })),
  );
}

/** Neighbours as the JSON output shows them. */
export function neighboursJson({ for: up, against }: FoundNeighbours): unknown {
  const json = ({ index, score, target, locator }: Neighbour) => ({
    index,
    ...placeJson(locator),
    target,
    score,
  });
  return { for: up.map(json), against: against.map(json) };
}

/** Prints the neighbours of a list of suspects, each under the suspect's place and target. */
export function printNeighbours(
  { out }: Terminal,
  rows: readonly RunRow[],
  neighbours: readonly FoundNeighbours[],
): void {
  for (const [at, found] of neighbours.entries()) {
    const row = rows[at];
    if (row === undefined) {
      continue;
    }
    out.write(`\n${paint(out, "bold", placeText(row))} target ${row.target}\n`);
    const lines = [
      ...found.for.map((neighbour) => lineOf("for", "green", neighbour)),
      ...found.against.map((neighbour) => lineOf("against", "red", neighbour)),
    ];
    out.write(
      lines.length === 0
        ? "  no other example has a score\n"
        : `${table(out, ["", "score", "target", "example", "location"], lines, [1, 3])}\n`,
    );
  }
}

function lineOf(
  side: string,
  style: "green" | "red",
  { index, score, target, locator }: Neighbour,
) {
  return [side, { text: signed(score), style }, target, String(index), placeText(locator)];
}
