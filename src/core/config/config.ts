import * as z from "zod";

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
export const featureSchema = z.union([
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
    array: z.string().describe("Field of an NPY source."),
    scale: z.union([z.number(), z.string().regex(/^\d+(\.\d+)?\/\d+(\.\d+)?$/)]).optional(),
  }),
]);

const target = z
  .union([z.string(), z.array(z.string())])
  .describe("Column with the target; several columns for several outputs.");

/** Where a dataset comes from. */
export const sourceSchema = z.union([
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
    target: target
      .optional()
      .describe(
        'Column of the manifest with the target; "label" unless told. A folder\'s label is its name.',
      ),
  }),
  z.strictObject({
    npy: z
      .record(z.string(), path)
      .describe("Field name to .npy file; the first axis is the example."),
    target,
  }),
]);

const lossName = z.enum(["softmax-cross-entropy", "sigmoid-cross-entropy", "mse"]);

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
      .union([z.literal("from-file"), z.number().positive(), z.array(z.number().nonnegative())])
      .optional()
      .describe(
        '"from-file" takes the optimizer\'s rate from each checkpoint; a number serves all; a list has one per checkpoint.',
      ),
    prefix: z
      .string()
      .optional()
      .describe(
        "Prefix that the checkpoint's names have and the model's have not, such as \"module.\"; found by itself unless told.",
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
    .union([
      lossName,
      z.strictObject({
        type: lossName,
        reduction: z
          .enum(["sum", "mean"])
          .optional()
          .describe('Over one example\'s own outputs; "sum" unless told.'),
        output: z
          .string()
          .optional()
          .describe("Model output that holds the logits or predictions; the first unless told."),
      }),
    ])
    .optional()
    .describe("What the training minimised; that of the model file (Keras) unless told."),
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
/** One entry of `data`. */
export type SourceConfig = z.infer<typeof sourceSchema>;
/** The losses that TracIn knows. */
export type LossName = z.infer<typeof lossName>;
