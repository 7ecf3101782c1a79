import { join } from "node:path";
import { TracInError } from "../../errors.ts";
import { readKerasArchitecture } from "../../formats/keras.ts";
import { readTfjsModel } from "../../formats/tfjs.ts";
import { findSeries, type WorkspaceFiles } from "./files.ts";

/** Files that may be the model, without those that are checkpoints of a series; of a series alone, its last file. */
export async function candidateModels(root: string, files: WorkspaceFiles): Promise<string[]> {
  const models: string[] = [];
  for (const file of files.models) {
    if (await holdsModel(root, file)) {
      models.push(file);
    }
  }
  const series = findSeries(models);
  const single = series.flatMap((group) => (group.files.length === 1 ? group.files : []));
  return single.length > 0 ? single : series.flatMap((group) => group.files.slice(-1));
}

/** False for HDF5 files of weights or data, and for JSON of other tools. */
async function holdsModel(root: string, file: string): Promise<boolean> {
  const path = join(root, file);
  try {
    if (/\.(h5|hdf5)$/i.test(file)) {
      await readKerasArchitecture(path, file);
    } else if (/\.json$/i.test(file)) {
      await readTfjsModel(path, file, "model");
    }
    return true;
  } catch (error) {
    if (error instanceof TracInError) {
      return false;
    }
    throw error;
  }
}
