import * as z from "zod";
import { outcomeSchema } from "../evaluation/outcome.ts";
import { sliceSchema } from "../evaluation/slice.ts";

/** A run comes from a folder that may have been downloaded: its paths must stay in the workspace. */
const path = z
  .string()
  .refine((text) => !/^([\\/]|[a-z]:)/i.test(text) && !text.split(/[\\/]/).includes(".."), {
    error: "expected a path inside the workspace",
  });

const label = z.object({ label: z.string(), value: z.number() });

const positions = z.object({
  /** Positions that count, and those of them at which another label is the most probable one. */
  count: z.number(),
  wrong: z.number(),
  /** Mean loss of a position. */
  loss: z.number(),
  /** Where the loss is largest. */
  worst: z.array(
    z.object({ place: z.string(), target: z.string(), predicted: z.string(), loss: z.number() }),
  ),
  /** Labels that are taken for others, most frequent first. */
  confusions: z.array(z.object({ target: z.string(), predicted: z.string(), count: z.number() })),
});

const place = z.object({
  file: path,
  /** First line, counted from 0. */
  line: z.int().nonnegative(),
  lineCount: z.int().nonnegative(),
  image: path.optional(),
  /** Hash of the row's text, to tell whether it changed since. */
  rowHash: z.number().optional(),
});

/** One input of a run, with what is needed to notice that it changed. */
export const inputSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("file"),
    path,
    size: z.number(),
    /** Last change, milliseconds since 1970. */
    modified: z.number(),
    /** SHA-256 of the content, hexadecimal. */
    sha256: z.string(),
  }),
  z.object({
    kind: z.literal("images"),
    /** Folder with the images, not its subfolders. */
    path,
    count: z.number(),
    /** SHA-256 over name, size and last change of each PNG and JPEG file in the folder. */
    sha256: z.string(),
    /** SHA-256 over name and content of each; absent where they changed while they were read. */
    contents: z.string().optional(),
  }),
]);

/** What `run.json` holds; the numbers of a run are in `scores.parquet` beside it. */
export const recordSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  kind: z.enum(["explain", "suspects", "testSet"]),
  /** ISO 8601. */
  created: z.iso.datetime(),
  title: z.string(),
  /** Version of TracIn that wrote it. */
  tracin: z.string(),
  /** The configuration file, relative to the workspace. */
  config: path,
  /** Patterns of the configuration that found the checkpoints. */
  checkpointFiles: z.array(z.string()),
  examples: z.int().nonnegative(),
  checkpoints: z.array(
    z.object({
      file: path,
      learningRate: z.number(),
      learningRateSource: z.string(),
      weight: z.number(),
      step: z.number().optional(),
      epoch: z.number().optional(),
      /** What its names have in front of the model's. */
      prefix: z.string().optional(),
      /** Where parameters have different rates. */
      groups: z
        .array(z.object({ learningRate: z.number(), parameters: z.array(z.string()) }))
        .optional(),
      warnings: z.array(z.string()),
    }),
  ),
  /** Present where gradients were multiplied with the optimizer's step sizes in the checkpoints. */
  preconditioner: z.literal("from-file").optional(),
  /** How scores were found where a gradient index was asked; without it, all are exact. */
  index: z
    .object({
      /** What the index keeps: `2048 x float32`, or `factors`. */
      kept: z.string(),
      /** Whether all scores are exact; else only those of `exactRows` are. */
      exact: z.boolean(),
      /** Ascending; empty where all scores are exact, or where nothing was asked. */
      exactRows: z.array(z.int().nonnegative()),
      /** Of each list, how many of the best estimates got exact scores. */
      reranked: z.int().nonnegative(),
      /** Estimates against exact scores over a random sample of the training examples; an entry for each query. */
      agreement: z
        .object({
          examples: z.int().nonnegative(),
          top: z.int().nonnegative(),
          spearman: z.array(z.number()),
          recall: z.array(z.number()),
        })
        .optional(),
    })
    .optional(),
  /** Why a gradient index was not asked although there is one, as sentences. */
  indexUnused: z.array(z.string()).optional(),
  /** The choice of layers as text, and the parameters that it amounts to. */
  layers: z.string(),
  parameters: z.array(z.string()),
  loss: z.string(),
  /** What is known of predictions. */
  reading: z.enum(["probabilities", "values", "positions", "outputs", "none"]),
  /** Present where labels have margins, by which suspects can be ranked. */
  margins: z.boolean().optional(),
  engine: z.string(),
  processes: z.int().positive(),
  seconds: z.number(),
  labels: z.array(z.string()).optional(),
  /** Whether the queries were summed to one. */
  aggregate: z.boolean(),
  queries: z.array(
    z.object({
      dataset: z.string(),
      index: z.int().nonnegative(),
      /** Where the example stands in no dataset: its fields and its image, in the folder of the run. */
      given: z.object({ row: path, image: path.optional(), mask: path.optional() }).optional(),
      place,
      target: z.string(),
      /** All labels with probabilities, or outputs with values, at the last checkpoint; empty where there are neither. */
      prediction: z.array(label),
      /** For labels at positions, in what the model fails at the last checkpoint. */
      positions: positions.optional(),
      /** For outputs that are too many to show: their number, and the mean loss of one. */
      outputs: z.object({ count: z.number(), loss: z.number() }).optional(),
      explained: z.string().optional(),
      /** At each checkpoint. */
      losses: z.array(z.number()),
    }),
  ),
  /** For kind `testSet`, which has one query: the mean over the chosen examples; `queries` is empty. */
  testSet: z
    .object({
      dataset: z.string(),
      file: path,
      examples: z.int().nonnegative(),
      slice: sliceSchema,
      /** Examples of the slice. */
      chosen: z.int().nonnegative(),
      /** Mean loss at each checkpoint, of all examples and of the slice. */
      losses: z.array(z.number()),
      chosenLosses: z.array(z.number()),
      outcome: outcomeSchema,
    })
    .optional(),
  inputs: z.array(inputSchema),
});

/** The content of `run.json`. */
export type RunRecord = z.infer<typeof recordSchema>;

/** Queries that the table of a run has scores on; those of an aggregate are one. */
export function queryCount({ kind, aggregate, queries }: RunRecord): number {
  return kind === "testSet" ? 1 : aggregate ? Math.min(1, queries.length) : queries.length;
}

/** A test set as a run remembers it. */
export type RunTestSet = NonNullable<RunRecord["testSet"]>;
/** A query as a run remembers it. */
export type RunQuery = RunRecord["queries"][number];
/** An input as a run remembers it. */
export type RunInput = z.infer<typeof inputSchema>;
