import type { Model } from "../../models/model.ts";
import type { Config, FeatureConfig } from "../config.ts";
import type { Findings, QuestionId, QuestionOption } from "./detection.ts";
import { trialLosses } from "./trial.ts";

/** One way to read the data that the files alone do not tell. */
export interface Variant extends QuestionOption {
  readonly config: Config;
}

/** A way counts as found when its loss is at most this share of the next best. */
const decisive = 0.9;

/**
 * Picks one of several configurations: the answered one, the one whose mean loss at the last checkpoint is
 * clearly the least, or the first with a question.
 */
export async function pickVariant(
  root: string,
  model: Model,
  id: QuestionId,
  prompt: string,
  variants: readonly Variant[],
  findings: Findings,
): Promise<Config | undefined> {
  const answered = variants.find(({ value }) => value === findings.answers[id]);
  if (answered || variants.length < 2) {
    return (answered ?? variants[0])?.config;
  }
  const losses = await trialLosses(
    root,
    model,
    variants.map(({ config }) => config),
  );
  const ranked = variants
    .map((variant, index) => ({ variant, loss: losses[index] ?? Number.POSITIVE_INFINITY }))
    .sort((a, b) => order(a.loss) - order(b.loss));
  const [best, second] = ranked;
  if (best && second && Number.isFinite(best.loss) && best.loss <= decisive * second.loss) {
    findings.notes.push(
      `${best.variant.label}: with it, the last checkpoint has a mean loss of ${round(best.loss)} on training examples; otherwise ${round(second.loss)} or more.`,
    );
    return best.variant.config;
  }
  findings.questions.push({
    id,
    prompt,
    options: ranked.map(({ variant, loss }) => ({
      value: variant.value,
      label: variant.label,
      ...(Number.isFinite(loss)
        ? { detail: `mean loss at the last checkpoint ${round(loss)}` }
        : {}),
    })),
  });
  return best?.variant.config;
}

/** How pixels may have been scaled. */
export function pixelVariants(config: Config): Variant[] {
  const array = Object.entries(config.features).find(
    ([, feature]) => "array" in feature && feature.scale !== undefined,
  );
  if (array && "array" in array[1]) {
    const [input, { array: field, scale = "1/255" }] = array;
    return [
      {
        value: "unit",
        label: "Pixels from 0 to 1",
        config: withFeature(config, input, { array: field, scale }),
      },
      {
        value: "raw",
        label: "Pixels from 0 to 255",
        config: withFeature(config, input, { array: field }),
      },
    ];
  }
  const entry = Object.entries(config.features).find(([, feature]) => "image" in feature);
  if (!entry || !("image" in entry[1])) {
    return [];
  }
  const [input, feature] = entry;
  const { scale: _, ...image } = feature.image;
  const known: [string, string, Partial<typeof feature.image>][] = [
    ["unit", "Pixels from 0 to 1", { scale: "1/255" }],
    ...(image.channels === 3 ? colour : grey),
    ["centred", "Pixels from -1 to 1", { scale: "1/255", mean: 0.5, std: 0.5 }],
    ["raw", "Pixels from 0 to 255", {}],
  ];
  return known.map(([value, label, scaling]) => ({
    value,
    label,
    config: withFeature(config, input, { image: { ...image, ...scaling } }),
  }));
}

type Scaling = { scale: string; mean: number | number[]; std: number | number[] };
const grey: [string, string, Scaling][] = [
  ["mnist", "Pixels standardised as for MNIST", { scale: "1/255", mean: 0.1307, std: 0.3081 }],
  [
    "fashion-mnist",
    "Pixels standardised as for Fashion-MNIST",
    { scale: "1/255", mean: 0.286, std: 0.353 },
  ],
];
const colour: [string, string, Scaling][] = [
  [
    "imagenet",
    "Pixels standardised as for ImageNet",
    { scale: "1/255", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  ],
  [
    "cifar",
    "Pixels standardised as for CIFAR-10",
    { scale: "1/255", mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  ],
];

/** Whether table columns were standardised. */
export function standardiseVariants(config: Config): Variant[] {
  const entry = Object.entries(config.features).find(([, feature]) => "columns" in feature);
  if (!entry || !("columns" in entry[1])) {
    return [];
  }
  const [input, feature] = entry;
  return [
    {
      value: "yes",
      label: "Columns standardised with the mean and deviation of the training data",
      config: withFeature(config, input, { ...feature, standardise: true }),
    },
    { value: "no", label: "Columns as they are in the file", config },
  ];
}

/** In which order the labels may stand for the model's outputs. */
export function labelVariants(config: Config, orders: readonly (readonly string[])[]): Variant[] {
  return orders.map((labels) => ({
    value: labels.join(", "),
    label: `Labels in the order ${labels.slice(0, 6).join(", ")}${labels.length > 6 ? ", ..." : ""}`,
    config: { ...config, labels: [...labels] },
  }));
}

function withFeature(config: Config, input: string, feature: FeatureConfig): Config {
  return { ...config, features: { ...config.features, [input]: feature } };
}

function order(loss: number): number {
  return Number.isNaN(loss) ? Number.POSITIVE_INFINITY : loss;
}

function round(loss: number): string {
  return String(Number(loss.toPrecision(3)));
}
