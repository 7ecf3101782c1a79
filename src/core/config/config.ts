import * as z from "zod";
import { lossName, lossSchema } from "./loss-schema.ts";

const path = z.string().min(1);

const imageFeature = z.strictObject({
  size: z
    .tuple([z.int().positive(), z.int().positive()])
    .optional()
    .describe(
      "Height and width that the model takes; images of another size are resized (bilinear, as Pillow does).",
    ),
  channels: z
    .union([z.literal(1), z.literal(3)])
    .optional()
    .describe("1 for greyscale, 3 for RGB."),
  layout: z.enum(["CHW", "HWC"]).optional().describe("Order of the axes; CHW unless told."),
  scale: z
    .union([z.number(), z.string().regex(/^\d+(\.\d+)?\/\d+(\.\d+)?$/)])
    .optional()
    .describe('Factor for the 0 to 255 samples, such as "1/255".'),
  mean: z
    .union([z.number(), z.array(z.number())])
    .optional()
    .describe("Subtracted after scaling, for all channels or one each."),
  std: z
    .union([z.number(), z.array(z.number())])
    .optional()
    .describe("Divided by after subtracting the mean."),
});

const standardise = z.union([
  z
    .boolean()
    .describe(
      "true: mean and standard deviation (population) of each column over the training data.",
    ),
  z.strictObject({ mean: z.array(z.number()), std: z.array(z.number()) }),
]);

/** How one model input is made from an example. */
const featureSchema = z.union([
  z.strictObject({
    columns: z.array(z.string()).describe("Columns in the order in which the model takes them."),
    standardise: standardise.optional(),
    oneHot: z
      .record(z.string(), z.union([z.literal("auto"), z.array(z.string())]))
      .optional()
      .describe(
        'Categorical columns: their categories in order, or "auto" for the sorted categories of the training data.',
      ),
  }),
  z.strictObject({ image: imageFeature }),
  z.strictObject({
    tokens: z.strictObject({
      column: z.string().describe("Field that holds a list of token ids."),
      length: z.int().positive().describe("Length to pad or cut to."),
      pad: z.int().optional().describe("Token id for padding; 0 unless told."),
    }),
  }),
  z.strictObject({
    text: z.strictObject({
      column: z.string().describe("Field that holds the text."),
      tokenizer: path.describe("A Hugging Face tokenizer.json."),
      length: z.int().positive().describe("Length to pad or cut to, special tokens included."),
      pad: z.int().optional().describe("Token id for padding; the tokenizer's own unless told."),
    }),
  }),
  z.strictObject({
    maskOf: z
      .string()
      .describe("Name of a token or text input: 1 at its tokens, 0 at its padding."),
  }),
  z.strictObject({
    array: z.string().describe("Field of an NPY, NPZ or IDX source."),
    scale: z.union([z.number(), z.string().regex(/^\d+(\.\d+)?\/\d+(\.\d+)?$/)]).optional(),
  }),
  z.strictObject({
    target: z.literal(true).describe("The target, for models that compute their loss."),
  }),
]);

const maskOptions = {
  size: z
    .tuple([z.int().positive(), z.int().positive()])
    .optional()
    .describe("Height and width of the logits; those of the image input unless told."),
  values: z
    .array(z.int().nonnegative())
    .optional()
    .describe("Stored value of each class in order, such as [0, 255]; 0, 1, 2, ... unless told."),
};

/** Where a dataset's targets come from. */
const targetSchema = z
  .union([
    z.string(),
    z.array(z.string()),
    z.strictObject({
      perToken: z.string().describe("Field with a list: one label or number for each token."),
      of: z
        .string()
        .optional()
        .describe("The token or text input that it belongs to, where there are several."),
    }),
    z.strictObject({
      tokensOf: z.string().describe("The input whose tokens are predicted (language models)."),
    }),
    z.strictObject({ input: z.string().describe("The input that is predicted (autoencoders).") }),
    z.strictObject({
      mask: z.string().describe("Column of the manifest with the path of a PNG mask of classes."),
      ...maskOptions,
    }),
    z.strictObject({
      masks: path.describe("Folder with a PNG mask of classes for each image, of the same name."),
      ...maskOptions,
    }),
  ])
  .describe("Column with the target; several columns for several outputs; or another place.");

const target = targetSchema.optional();

const image = z
  .string()
  .optional()
  .describe("Field that holds the image of each example; found by its shape unless told.");

/** Where a dataset comes from. */
const sourceSchema = z.union([
  z.strictObject({
    csv: path.describe("CSV or TSV file with a header line."),
    delimiter: z.string().length(1).optional(),
    target,
  }),
  z.strictObject({ jsonl: path.describe("File with one JSON object per line."), target }),
  z.strictObject({
    images: path.describe(
      "Manifest (CSV or JSONL) that lists image files, or a folder with one folder per label.",
    ),
    path: z
      .string()
      .optional()
      .describe(
        'Column of the manifest with the image path, relative to the manifest; "file" unless told.',
      ),
    target: target.describe(
      'Column of the manifest with the target; "label" unless told. A folder\'s label is its name.',
    ),
  }),
  z.strictObject({
    parquet: z
      .union([path, z.array(path).min(1)])
      .describe("Parquet file, or files that follow each other with the same columns."),
    image: z
      .string()
      .optional()
      .describe(
        "Column with image files (PNG or JPEG bytes, or { bytes, path }); found unless told.",
      ),
    target,
  }),
  z.strictObject({
    npy: z
      .record(z.string(), path)
      .describe("Field name to .npy file; the first axis is the example."),
    image,
    target,
  }),
  z.strictObject({
    npz: path.describe("NumPy archive (.npz) with an array for each field."),
    fields: z
      .record(z.string(), z.string())
      .describe("Field name to the name of its array; the first axis is the example."),
    image,
    target,
  }),
  z.strictObject({
    idx: z
      .record(z.string(), path)
      .describe("Field name to IDX file (MNIST's format), .gz too; the first axis is the example."),
    image,
    target,
  }),
]);

/** The schema of `tracin.json`. */
export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  model: path.describe("The model: an ONNX file."),
  checkpoints: z.strictObject({
    files: z
      .union([path, z.array(path)])
      .describe(
        "Files or glob patterns; patterns are put in natural order (epoch-2 before epoch-10).",
      ),
    learningRate: z
      .union([
        z.literal("from-file"),
        z.number().positive(),
        z.array(z.union([z.number().nonnegative(), z.literal("from-file")])),
      ])
      .optional()
      .describe(
        '"from-file" takes the optimizer\'s rate from each checkpoint; a number serves all; a list has one per checkpoint, numbers or "from-file".',
      ),
    prefix: z
      .string()
      .optional()
      .describe(
        "Prefix that the checkpoint's names have and the model's have not, such as \"module.\"; found by itself unless told.",
      ),
    groups: z
      .array(z.array(z.string()))
      .optional()
      .describe(
        "Name patterns of the parameters in each group of the optimizer, in its order, where the files do not tell them.",
      ),
    preconditioner: z
      .union([z.literal("none"), z.literal("from-file")])
      .optional()
      .describe(
        'How training moved each weight: "none" as plain gradient descent (TracIn as published); "from-file" with the optimizer\'s own step sizes (Adam, AdamW, NAdam, RMSprop, Adagrad).',
      ),
    visits: z
      .union([z.number().positive(), z.array(z.number().positive())])
      .optional()
      .describe("How often each example was visited between the previous checkpoint and this one."),
    batchSize: z
      .int()
      .positive()
      .optional()
      .describe("Training batch size; with visits, scores are weighted rate * visits / batchSize."),
  }),
  loss: z
    .union([lossName, lossSchema])
    .optional()
    .describe("What the model was trained with; that of the model file unless told."),
  layers: z
    .union([z.literal("all"), z.literal("last"), z.array(z.string())])
    .optional()
    .describe(
      'Parameters that count: all, those of the last layer, or name patterns such as "encoder.*".',
    ),
  frozen: z
    .array(z.string())
    .optional()
    .describe("Name patterns of checkpoint tensors that were not trained."),
  data: z
    .record(z.string(), sourceSchema)
    .describe('Datasets by name; "train" is the training data.'),
  features: z
    .record(z.string(), featureSchema)
    .describe("How each model input is made, by input name."),
  labels: z
    .array(z.string())
    .optional()
    .describe("Label names in the order of the model's outputs."),
});

/** The content of `tracin.json`. */
export type Config = z.infer<typeof configSchema>;
/** One entry of `features`. */
export type FeatureConfig = z.infer<typeof featureSchema>;
/** `target` of an entry of `data`. */
export type TargetConfig = z.infer<typeof targetSchema>;
/** One entry of `data`. */
export type SourceConfig = z.infer<typeof sourceSchema>;
