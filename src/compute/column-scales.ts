import type { Project } from "../core/config/project.ts";
import { trainingData } from "../core/config/project.ts";
import { fieldOf, toNumber } from "../core/datasets/field.ts";

/** Rows that deviations are estimated from; they only order what is shown. */
const sampled = 4096;

const known = new WeakMap<Project, Promise<Readonly<Record<string, number>>>>();

/**
 * Standard deviation of each column of numbers that the features read, over the first rows of the training data; none for
 * columns that hold anything else, or the same number everywhere.
 */
export function columnScales(project: Project): Promise<Readonly<Record<string, number>>> {
  const scales = known.get(project) ?? measure(project);
  known.set(project, scales);
  scales.catch(() => known.delete(project));
  return scales;
}

async function measure(project: Project): Promise<Readonly<Record<string, number>>> {
  const columns = Object.keys(project.config.features).flatMap(
    (input) => project.encoder.columnsOf?.(input) ?? [],
  );
  if (columns.length === 0) {
    return {};
  }
  const train = trainingData(project);
  const rows = await train.read(0, Math.min(train.length, sampled));
  const scales: [string, number][] = [];
  for (const { name } of columns) {
    const values = rows.map((row) => toNumber(fieldOf(row, name)));
    const numbers = values.filter((value) => value !== undefined);
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    const squares = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / numbers.length);
    if (numbers.length === values.length && Number.isFinite(deviation) && deviation > 0) {
      scales.push([name, deviation]);
    }
  }
  return Object.fromEntries(scales);
}
