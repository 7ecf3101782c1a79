import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { Tokenizer } from "@huggingface/tokenizers";
import * as z from "zod";
import type { FeatureConfig } from "../../config/config.ts";
import { TracInError } from "../../errors.ts";
import { resolveExisting } from "../../paths.ts";
import type { Feature } from "./feature.ts";

export const textState = z.strictObject({
  kind: z.literal("text"),
  column: z.string(),
  tokenizer: z.string(),
  /** SHA-256 of tokenizer.json, so that no process encodes with another version of it. */
  hash: z.string(),
  length: z.int().positive(),
  pad: z.int().nonnegative(),
});

type State = z.infer<typeof textState>;
type Config = Extract<FeatureConfig, { text: unknown }>["text"];

const maxTokenizerBytes = 256 << 20;

const tokenizerFile = z.looseObject({
  model: z.looseObject({
    type: z.string().nullish(),
    unk_token: z.string().nullish(),
  }),
  pre_tokenizer: z.unknown().transform(unicodeWords),
  added_tokens: z
    .array(z.looseObject({ id: z.int(), content: z.string() }))
    .nullish()
    .transform((tokens) => tokens ?? []),
  truncation: z.looseObject({ direction: z.string().optional() }).nullish(),
  padding: z
    .looseObject({ direction: z.string().optional(), pad_id: z.int().optional() })
    .nullish(),
});

/**
 * The library's `Whitespace` knows ASCII words alone; Rust's is this split by Unicode words. Found inside
 * sequences too.
 */
function unicodeWords(part: unknown): unknown {
  if (typeof part !== "object" || part === null) {
    return part;
  }
  if ("type" in part && part.type === "Whitespace") {
    const pattern = {
      Regex:
        "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d]+|[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d\\s]+",
    };
    return { type: "Split", pattern, behavior: "Removed", invert: true };
  }
  return "pretokenizers" in part && Array.isArray(part.pretokenizers)
    ? { ...part, pretokenizers: part.pretokenizers.map(unicodeWords) }
    : part;
}

interface LoadedTokenizer {
  readonly file: string;
  readonly hash: string;
  readonly pad: number | undefined;
  readonly cutLeft: boolean;
  readonly padLeft: boolean;
  /** Special tokens that the tokenizer puts before and after a text. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Token ids of a text without those; undefined when it holds a token that the tokenizer cannot know. */
  ids(text: string): readonly number[] | undefined;
  /** A token in quotes. */
  name(this: void, id: number): string | undefined;
}

/** Reads the tokenizer and settles the padding token. */
export async function fitText(input: string, config: Config, root: string): Promise<State> {
  const tokenizer = await loadTokenizer(config.tokenizer, root);
  const pad = config.pad ?? tokenizer.pad;
  if (pad === undefined || pad < 0) {
    throw new TracInError(
      "config",
      "The tokenizer names no padding token.",
      { file: tokenizer.file },
      `Set "pad" in features.${input}.text to the token id that training padded with.`,
    );
  }
  checkLength(tokenizer, config.length);
  return {
    kind: "text",
    column: config.column,
    tokenizer: config.tokenizer,
    hash: tokenizer.hash,
    length: config.length,
    pad,
  };
}

/**
 * Raw text as token ids: [length]. Special tokens are those of the tokenizer's post-processor; a text that is
 * too long loses tokens of its own, never the special ones; sides of cutting and padding are the tokenizer's
 * (right unless it says left).
 */
export async function textFeature(state: State, root: string): Promise<Feature> {
  const tokenizer = await loadTokenizer(state.tokenizer, root);
  if (tokenizer.hash !== state.hash) {
    throw new TracInError(
      "data",
      "The tokenizer has changed since the features were fitted.",
      { file: tokenizer.file },
      "Run again.",
    );
  }
  const { length, pad, column } = state;
  checkLength(tokenizer, length);
  const room = length - tokenizer.before.length - tokenizer.after.length;
  return {
    shape: [length],
    noun: "texts",
    tokenName: tokenizer.name,
    padding: pad,
    async encode(batch) {
      const values = new Int32Array(batch.size * length).fill(pad);
      const mask = new Uint8Array(batch.size * length);
      const lengths = new Int32Array(batch.size);
      const read = await batch.column(column);
      for (let position = 0; position < batch.size; position++) {
        const text = read(position);
        if (typeof text !== "string") {
          throw batch.error(
            position,
            column,
            text === undefined || text === null ? "The text is missing." : "The field is no text.",
            "Give every example a text; it may be empty.",
          );
        }
        const own = tokenizer.ids(text);
        if (own === undefined) {
          throw batch.error(
            position,
            column,
            "The text holds a token that the tokenizer does not know, and it names no unknown token.",
            "Set unk_token in the tokenizer's model.",
          );
        }
        const cut = tokenizer.cutLeft
          ? own.slice(Math.max(0, own.length - room))
          : own.slice(0, room);
        const ids = [...tokenizer.before, ...cut, ...tokenizer.after];
        const offset = position * length + (tokenizer.padLeft ? length - ids.length : 0);
        values.set(ids, offset);
        lengths[position] = ids.length;
        mask.fill(1, offset, offset + ids.length);
      }
      return { values, mask, lengths };
    },
  };
}

function checkLength(tokenizer: LoadedTokenizer, length: number): void {
  const special = tokenizer.before.length + tokenizer.after.length;
  if (length < special) {
    throw new TracInError(
      "config",
      `A length of ${length} has no room for the tokenizer's ${special} special tokens.`,
      { file: tokenizer.file },
      'Set "length" to what the model was trained with.',
    );
  }
}

async function loadTokenizer(path: string, root: string): Promise<LoadedTokenizer> {
  const { absolute, relative: file } = await resolveExisting(root, path);
  if ((await stat(absolute)).size > maxTokenizerBytes) {
    throw new TracInError("data", "The tokenizer is larger than 256 MiB.", { file });
  }
  const bytes = await readFile(absolute);
  try {
    const raw: unknown = JSON.parse(bytes.toString("utf8"));
    const parsed = tokenizerFile.parse(raw);
    // Of tokenizer_config.json the library needs the unknown token alone, for word-level models.
    const tokenizer = new Tokenizer(parsed, { unk_token: parsed.model.unk_token ?? undefined });
    const dropsUnknown = parsed.model.type === "BPE";
    return {
      file,
      hash: createHash("sha256").update(bytes).digest("hex"),
      pad: parsed.padding?.pad_id ?? padToken(parsed.added_tokens),
      cutLeft: parsed.truncation?.direction === "Left",
      padLeft: parsed.padding?.direction === "Left",
      ...specialTokens(tokenizer),
      name: (id) => tokenName(tokenizer, id),
      ids: (text) => {
        const { ids } = tokenizer.encode(text, { add_special_tokens: false });
        const known = ids.filter(Number.isInteger);
        // As in the Rust library: BPE without an unknown token leaves out what it does not know.
        return known.length === ids.length || dropsUnknown ? known : undefined;
      },
    };
  } catch (error) {
    if (error instanceof TracInError) {
      throw error;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new TracInError(
      "data",
      `The tokenizer cannot be used: ${reason.slice(0, 300)}.`,
      { file },
      "Save it again with tokenizer.save_pretrained or tokenizer.save.",
      { cause: error },
    );
  }
}

/** The text that a token stands for; where it is a part of a character, the token as the vocabulary writes it. */
function tokenName(tokenizer: Tokenizer, id: number): string | undefined {
  const token = tokenizer.id_to_token(id);
  if (token === undefined) {
    return undefined;
  }
  const text = tokenizer.decode([id], {
    skip_special_tokens: false,
    clean_up_tokenization_spaces: false,
  });
  return JSON.stringify(text === "" || text.includes("\ufffd") ? token : text);
}

function padToken(added: readonly { id: number; content: string }[]): number | undefined {
  return added.find((token) => /^(\[PAD\]|<pad>|<\|pad\|>|<PAD>)$/.test(token.content))?.id;
}

/** What the post-processor puts around one text, seen by giving it a text of one made-up token. */
function specialTokens(tokenizer: Tokenizer): { before: number[]; after: number[] } {
  if (!tokenizer.post_processor) {
    return { before: [], after: [] };
  }
  const probe = "\uE000";
  const { tokens } = tokenizer.post_processor.post_process([probe], null, true);
  const place = tokens.indexOf(probe);
  if (place === -1 || tokens.lastIndexOf(probe) !== place) {
    throw new Error("its post-processor does not hold the text exactly once");
  }
  const ids = tokens.map((token) => (token === probe ? -1 : tokenizer.token_to_id(token)));
  if (ids.includes(undefined)) {
    throw new Error("its post-processor adds a token that is not in its vocabulary");
  }
  const whole = ids.filter((id) => id !== undefined);
  return { before: whole.slice(0, place), after: whole.slice(place + 1) };
}
