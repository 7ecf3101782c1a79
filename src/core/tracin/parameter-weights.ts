import type { Project, ProjectCheckpoint } from "../config/project.ts";
import { TracInError } from "../errors.ts";
import { float32, type Tensor } from "../graph/tensor.ts";
import { classInput, elementsInput, type Scaling } from "./scaling.ts";

/**
 * Which parameters of a project weigh the same: all (undefined), those with the same rates at every checkpoint, or not
 * even the elements of one parameter, when gradients are preconditioned.
 */
export function scalingOf(project: Project, counted: readonly string[]): Scaling | undefined {
  if (project.readPreconditioner !== undefined) {
    return { kind: "elements" };
  }
  if (project.checkpoints.every(({ parameterRates }) => parameterRates === undefined)) {
    return undefined;
  }
  const indices = new Map<string, number>();
  const classes = new Map<string, number>();
  for (const name of counted) {
    const key = project.checkpoints.map((checkpoint) => relativeRate(checkpoint, name)).join();
    const index = indices.get(key) ?? indices.size;
    indices.set(key, index);
    classes.set(name, index);
  }
  return { kind: "classes", classes };
}

/** The scales at one checkpoint, as the graph's inputs. They are relative to the checkpoint's weight. */
export async function scaleFeeds(
  project: Project,
  scaling: Scaling | undefined,
  counted: readonly string[],
  checkpoint: ProjectCheckpoint,
): Promise<ReadonlyMap<string, Tensor>> {
  if (scaling === undefined) {
    return new Map();
  }
  if (scaling.kind === "classes") {
    return new Map(
      [...scaling.classes].map(([name, index]) => [
        classInput(index),
        float32([], [relativeRate(checkpoint, name)]),
      ]),
    );
  }
  const factors = await project.readPreconditioner?.(checkpoint, counted);
  return new Map(
    counted.map((name) => {
      const factor = factors?.get(name);
      if (factor === undefined) {
        throw new TracInError("internal", "The parameter has no preconditioner.", { tensor: name });
      }
      const rate = relativeRate(checkpoint, name);
      const scaled = rate === 1 ? factor : float32(factor.shape, floatsTimes(factor, rate));
      return [elementsInput(name), scaled];
    }),
  );
}

/** The parameter's rate as a multiple of the checkpoint's. */
export function relativeRate(
  { learningRate, parameterRates }: ProjectCheckpoint,
  name: string,
): number {
  const own = parameterRates?.get(name);
  return own === undefined || learningRate === 0 ? 1 : own / learningRate;
}

function floatsTimes({ data }: Tensor, factor: number): Float32Array {
  return Float32Array.from(data, (value: number | bigint) => Number(value) * factor);
}
