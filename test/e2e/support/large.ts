import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ROOT } from "./paths.ts";

/** The sample whose model and checkpoints score the rows. */
export const IRIS = path.join(ROOT, "samples", "iris");

const LABELS = ["setosa", "versicolor", "virginica"];
const rowsAtATime = 5000;

/**
 * Writes as many rows as wished over the training data of a copy of the iris sample: its own flowers, each measurement
 * a little off, and one label in twenty replaced. The same rows each time.
 *
 * @param decimals of each measurement: more of them make a larger file
 */
export async function writeManyFlowers(
  folder: string,
  { rows, decimals }: { readonly rows: number; readonly decimals: number },
): Promise<void> {
  const file = path.join(folder, "train.csv");
  const [header = "", ...flowers] = (await readFile(path.join(IRIS, "train.csv"), "utf8"))
    .trim()
    .split(/\r?\n/);
  const random = generator(7);
  const row = (at: number) => {
    const cells = (flowers[at % flowers.length] ?? "").split(",");
    const label = cells.pop() ?? "";
    const measured = cells.map((cell) => (Number(cell) + 0.3 * (random() - 0.5)).toFixed(decimals));
    const shift = random() < 0.05 ? 1 + Math.floor(2 * random()) : 0;
    return [...measured, LABELS[(LABELS.indexOf(label) + shift) % LABELS.length]].join(",");
  };
  function* blocks() {
    yield `${header}\n`;
    for (let start = 0; start < rows; start += rowsAtATime) {
      const length = Math.min(rowsAtATime, rows - start);
      yield `${Array.from({ length }, (_, at) => row(start + at)).join("\n")}\n`;
    }
  }
  await pipeline(Readable.from(blocks()), createWriteStream(file));
}

/** Numbers in [0, 1) from a seed: a linear congruential generator. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
