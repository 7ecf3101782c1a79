import { TracInError } from "../errors.ts";
import { readSafetensorsHeader, type SafetensorsEntry } from "../formats/safetensors.ts";
import { FileSource } from "../formats/source.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { tensorFromBytes } from "./convert.ts";
import { progressFrom } from "./progress.ts";

/**
 * Opens a safetensors file. Its header is validated as a whole before any tensor is read. Numbers in `__metadata__`
 * (`learning_rate`, `step`, `epoch`) are taken where present.
 * Throws kind `checkpoint` with the place.
 */
export async function openSafetensors(path: string, file: string): Promise<Checkpoint> {
  const source = await FileSource.open(path, file);
  try {
    const { entries, metadata } = await readSafetensorsHeader(source);
    return {
      file,
      format: "safetensors",
      tensors: entries,
      isSorted: true,
      ties: tiesOf(metadata, entries),
      ...progressFrom(metadata, "__metadata__."),
      async read(name) {
        const entry = entries.get(name);
        if (!entry) {
          throw new TracInError("checkpoint", "The file has no such tensor.", {
            file,
            tensor: name,
          });
        }
        const bytes = await source.read(entry.start, entry.length);
        return tensorFromBytes(entry.dtype, entry.shape, bytes);
      },
      close: () => source.close(),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** `safetensors.torch.save_model` keeps shared tensors once and notes `name: kept name` for the others. */
function tiesOf(
  metadata: ReadonlyMap<unknown, unknown>,
  entries: ReadonlyMap<string, SafetensorsEntry>,
): ReadonlyMap<string, string> {
  return new Map(
    [...metadata].flatMap(([name, kept]): [string, string][] =>
      typeof name === "string" && typeof kept === "string" && entries.has(kept)
        ? [[name, kept]]
        : [],
    ),
  );
}
