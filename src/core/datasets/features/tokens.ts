import * as z from "zod";
import type { FeatureConfig } from "../../config/config.ts";
import { TracInError } from "../../errors.ts";
import type { FieldValue } from "../dataset.ts";
import { fieldText, toList, toNumber } from "../field.ts";
import type { Batch } from "./batch.ts";
import type { Feature } from "./feature.ts";

export const tokensState = z.strictObject({
  kind: z.literal("tokens"),
  column: z.string(),
  length: z.int().positive(),
  pad: z.int().nonnegative(),
});

type State = z.infer<typeof tokensState>;
type Config = Extract<FeatureConfig, { tokens: unknown }>["tokens"];

const maxId = 2 ** 31 - 1;

/** Fills in the defaults of a `tokens` feature. */
export function fitTokens(input: string, config: Config): State {
  const { column, length, pad = 0 } = config;
  if (pad < 0 || pad > maxId) {
    throw new TracInError(
      "config",
      `features.${input}.tokens pads with ${pad}, which is no token id.`,
      { file: "tracin.json" },
      "Token ids begin at 0.",
    );
  }
  return { kind: "tokens", column, length, pad };
}

/** Lists of token ids, cut or padded at their end: [length]. */
export function tokensFeature(state: State): Feature {
  const { column, length, pad } = state;
  return {
    shape: [length],
    noun: "tokens",
    padding: pad,
    async encode(batch) {
      const values = new Int32Array(batch.size * length).fill(pad);
      const mask = new Uint8Array(batch.size * length);
      const lengths = new Int32Array(batch.size);
      const read = await batch.column(column);
      for (let position = 0; position < batch.size; position++) {
        const all = idsOf(batch, position, column, read(position));
        const ids = all.slice(0, length);
        lengths[position] = all.length;
        for (const [index, id] of ids.entries()) {
          values[position * length + index] = tokenId(batch, position, column, id);
        }
        mask.fill(1, position * length, position * length + ids.length);
      }
      return { values, mask, lengths };
    },
  };
}

/** A list of JSONL, or in a CSV cell a JSON list or numbers with white space between them. */
function idsOf(
  batch: Batch,
  position: number,
  column: string,
  value: FieldValue | undefined,
): readonly FieldValue[] {
  const list =
    toList(value) ??
    (typeof value === "string" && /^[\d\s]+$/.test(value) ? value.trim().split(/\s+/) : undefined);
  if (list === undefined) {
    throw batch.error(
      position,
      column,
      value === undefined || value === null || value === ""
        ? "The list of token ids is missing."
        : `${fieldText(value, 80)} is no list of token ids.`,
      'Write token ids as [12, 7, 3]; raw text takes a "text" feature.',
    );
  }
  return list;
}

function tokenId(batch: Batch, position: number, column: string, value: FieldValue): number {
  const id = typeof value === "boolean" ? undefined : toNumber(value);
  if (id === undefined || !Number.isInteger(id) || id < 0 || id > maxId) {
    throw batch.error(
      position,
      column,
      `The token id ${fieldText(value, 80)} is no integer from 0 to ${maxId}.`,
      "Mend the list.",
    );
  }
  return id;
}
