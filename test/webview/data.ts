/** Generated runs for the harness: the same every time, in the shape of the protocol. */
import { encode } from "fast-png";
import type { ExampleForm, LabelValue, Place, Preview } from "../../src/protocol/examples.ts";
import type { PairReply, PairRequest, WhereParts } from "../../src/protocol/pair.ts";
import type { CheckpointSummary } from "../../src/protocol/project.ts";
import type { PositionsReading, QueryCard, Reading, RunSummary } from "../../src/protocol/runs.ts";

export type Sample = "digits" | "mail" | "iris" | "house" | "tags";

/** A pseudo-random number in [0, 1) that depends on its seeds alone. */
export function random(...seeds: readonly number[]): number {
  let hash = 2166136261;
  for (const seed of seeds) {
    hash = Math.imul(hash ^ seed, 16777619);
    hash ^= hash >>> 13;
  }
  return ((hash >>> 0) % 100003) / 100003;
}

/** A grey picture of 28 x 28 pixels with a stroke that its number decides. */
function picture(number: number): Uint8Array {
  const size = 28;
  const data = new Uint8Array(size * size);
  const steps = 60;
  for (let step = 0; step < steps; step++) {
    const angle = (step / steps) * (3 + 3 * random(number, 1)) + random(number, 2) * 6;
    const x = 14 + 8 * Math.cos(angle) * (0.5 + random(number, 3));
    const y = 14 + 9 * Math.sin(angle * (1 + Math.round(random(number, 4))));
    for (const [dx, dy, value] of [
      [0, 0, 255],
      [1, 0, 160],
      [0, 1, 160],
      [-1, 0, 90],
    ] as const) {
      const at = Math.round(y + dy) * size + Math.round(x + dx);
      if (at >= 0 && at < data.length) {
        data[at] = Math.max(data[at] ?? 0, value);
      }
    }
  }
  return encode({ width: size, height: size, data, channels: 1, depth: 8 });
}

const mails = [
  "Your account has been selected for a limited time offer. Reply with your details to claim the full amount before midnight.",
  "Hi all,\nthe build machine is back. I moved the nightly job to two in the morning so that it does not collide with the backup; please tell me if anything looks wrong.",
  "Re: patch for the mailer. Thanks, applied.",
  "LOSE WEIGHT WHILE YOU SLEEP!!! No prescription, no diet, no exercise. Thousands of satisfied customers. http://example.invalid/offer?id=0123456789abcdefghijklmnopqrstuvwxyz",
  "ok",
];

const flowers = ["setosa", "versicolor", "virginica"];

export const labelsOf: Readonly<Record<Sample, readonly string[] | undefined>> = {
  digits: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  mail: ["ham", "spam"],
  iris: flowers,
  house: undefined,
  tags: ["O", "B-PER", "I-PER", "B-LOC", "B-ORG"],
};

/** Where the score of a row comes from. */
export function makePair({ runId, index }: PairRequest): PairReply {
  const part = (at: number) => (random(index, at, 21) - 0.45) * 0.02;
  const sample = runId.split("/")[0] as Sample;
  const whereOf = (): WhereParts => {
    switch (sample) {
      case "digits": {
        const parts = Float32Array.from({ length: 28 * 28 }, (_, at) => {
          const distance = Math.hypot((at % 28) - 10, Math.floor(at / 28) - 8) / 6;
          return Math.exp(-distance * distance) * 0.02 + (random(at, index) - 0.5) * 0.004;
        });
        return { kind: "grid", width: 28, height: 28, parts };
      }
      case "mail": {
        const words = (mails[index % mails.length] ?? "").split(/(?= )/);
        return { kind: "tokens", tokens: words.map((name, at) => ({ name, part: part(at) })) };
      }
      case "iris": {
        const names = formOf.iris.columns;
        return { kind: "columns", columns: names.map((name, at) => ({ name, part: part(at) })) };
      }
      default:
        return {
          kind: "none",
          reason: "No layer reads an image, a text or the columns of a row directly.",
        };
    }
  };
  return {
    where: whereOf(),
    layer: "conv1.weight",
    total: 0.0613,
    rest: 0,
    last:
      sample === "tags"
        ? undefined
        : { layer: "fc.weight", error: 0.12, errorCosine: 0.61, input: 8.4, inputCosine: 0.35 },
  };
}

/** Standard deviations of columns of numbers. */
export const scalesOf: Readonly<Partial<Record<Sample, Readonly<Record<string, number>>>>> = {
  iris: { sepal_length: 0.8, sepal_width: 0.4, petal_length: 1.8, petal_width: 0.8 },
  house: { area_m2: 60, rooms: 2 },
};

/** What an example of a sample consists of. */
export const formOf: Readonly<Record<Sample, ExampleForm>> = {
  digits: { texts: [], image: true, mask: false, columns: [], target: ["label"] },
  mail: { texts: ["text"], image: false, mask: false, columns: ["text"], target: ["label"] },
  iris: {
    texts: [],
    image: false,
    mask: false,
    columns: ["sepal_length", "sepal_width", "petal_length", "petal_width"],
    target: ["species"],
  },
  house: {
    texts: ["description_of_the_neighbourhood"],
    image: false,
    mask: false,
    columns: ["area_m2", "rooms", "description_of_the_neighbourhood"],
    target: ["price"],
  },
  tags: { texts: ["text"], image: false, mask: false, columns: ["text"], target: ["tags"] },
};

export function preview(sample: Sample, index: number): Preview {
  switch (sample) {
    case "digits":
      return { kind: "image", mime: "image/png", bytes: picture(index) };
    case "mail":
    case "tags":
      return { kind: "text", text: mails[index % mails.length] ?? "" };
    case "iris":
      return {
        kind: "fields",
        entries: [
          ["sepal_length", (4 + 4 * random(index, 5)).toFixed(1)],
          ["sepal_width", (2 + 2 * random(index, 6)).toFixed(1)],
          ["petal_length", (1 + 6 * random(index, 7)).toFixed(1)],
          ["petal_width", (2.5 * random(index, 8)).toFixed(1)],
        ],
      };
    case "house":
      return {
        kind: "fields",
        entries: [
          ["area_m2", String(Math.round(40 + 200 * random(index, 5)))],
          ["rooms", String(1 + Math.round(6 * random(index, 6)))],
          ["description_of_the_neighbourhood", "quiet street near the old harbour"],
        ],
      };
  }
}

const files: Readonly<Record<Sample, string>> = {
  digits: "labels.csv",
  mail: "messages.jsonl",
  iris: "iris.csv",
  house: "prices.csv",
  tags: "sentences.jsonl",
};

export function place(sample: Sample, dataset: string, index: number): Place {
  const where = { file: `${dataset}/${files[sample]}`, line: index + 1, lineCount: 1 };
  return sample === "digits"
    ? { ...where, image: `${dataset}/${String(index).padStart(4, "0")}.png` }
    : where;
}

/** The label of an example. */
export function labelFor(sample: Sample, seed: number): string {
  const labels = labelsOf[sample];
  return labels
    ? (labels[Math.floor(random(seed, 9) * labels.length)] ?? "")
    : (100 + 400 * random(seed, 9)).toFixed(1);
}

/** Learning rates of the checkpoints. */
export const weights = [0.1, 0.1, 0.05, 0.05, 0.01];

function checkpoints(sample: Sample): readonly CheckpointSummary[] {
  return weights.map((rate, index) => ({
    file: `checkpoints/epoch-${String(index + 1).padStart(2, "0")}.${sample === "mail" ? "safetensors" : "pt"}`,
    learningRate: rate,
    learningRateSource: "optimizer state of the file",
    weight: rate,
    epoch: index + 1,
    warnings: index === 2 ? ["The learning rate changed since the previous checkpoint (0.1)."] : [],
  }));
}

function prediction(sample: Sample): readonly LabelValue[] {
  switch (sample) {
    case "digits":
      return [0.613, 0.221, 0.094, 0.031, 0.018, 0.011, 0.006, 0.004, 0.0015, 0.0005].map(
        (value, index) => ({ label: String((7 + index * 3) % 10), value }),
      );
    case "mail":
      return [
        { label: "spam", value: 0.97 },
        { label: "ham", value: 0.03 },
      ];
    case "iris":
      return [
        { label: "versicolor", value: 0.55 },
        { label: "virginica", value: 0.44 },
        { label: "setosa", value: 0.01 },
      ];
    case "house":
      return [{ label: "price", value: 231.4 }];
    case "tags":
      return [];
  }
}

/** Targets of the queries. */
export const targets: Readonly<Record<Sample, string>> = {
  digits: "1",
  mail: "spam",
  iris: "virginica",
  house: "250",
  tags: "B-PER I-PER O O B-LOC O O O O B-ORG O O",
};

/** A run's reading: labels of examples, labels at positions, or outputs. */
export function reading(sample: Sample): Reading {
  return sample === "tags" ? "positions" : labelsOf[sample] ? "probabilities" : "values";
}

const positions: PositionsReading = {
  count: 12,
  wrong: 3,
  loss: 0.8123,
  worst: [
    { place: "position 4", target: "B-LOC", predicted: "B-ORG", loss: 4.31 },
    { place: "position 9", target: "B-ORG", predicted: "O", loss: 2.02 },
    { place: "position 1", target: "I-PER", predicted: "O", loss: 1.4 },
    { place: "position 0", target: "B-PER", predicted: "B-PER", loss: 0.52 },
    { place: "position 7", target: "O", predicted: "O", loss: 0.11 },
  ],
  confusions: [
    { target: "B-LOC", predicted: "B-ORG", count: 1 },
    { target: "B-ORG", predicted: "O", count: 1 },
    { target: "I-PER", predicted: "O", count: 1 },
  ],
};

function query(sample: Sample, index: number): QueryCard {
  return {
    dataset: "test",
    index,
    place: place(sample, "test", index),
    preview: preview(sample, index + 17),
    target: targets[sample],
    reading: reading(sample),
    prediction: prediction(sample),
    positions: sample === "tags" ? positions : undefined,
    outputs: undefined,
    explained: reading(sample) === "probabilities" ? targets[sample] : undefined,
    losses: [2.31, 1.42, 1.05, 0.97, 0.91],
  };
}

/** A run of a sample; `id` ends with the number of its training examples, which its lists follow. */
export function makeRun(
  sample: Sample,
  kind: RunSummary["kind"],
  options: {
    readonly rows?: number;
    readonly queries?: number;
    readonly stale?: boolean;
    readonly indexed?: boolean;
  } = {},
): RunSummary {
  const { rows = 1900, queries = 1, stale = false, indexed = false } = options;
  const agreement = { examples: 1000, top: 100, spearman: [0.9931], recall: [0.97] };
  return {
    id: `${sample}/${rows}${indexed ? "/indexed" : ""}`,
    ...(indexed
      ? {
          index: {
            kept: "sketches, 2048 x float32",
            exact: false,
            reranked: 200,
            computed: 1300,
            agreement,
          },
        }
      : {}),
    kind,
    created: "2026-01-02T03:04:05.000Z",
    title: kind !== "explain" ? `Suspects among ${rows} training examples` : "test 142, target 1",
    folder: ".tracin/runs/2026-01-02-explain",
    examples: rows,
    checkpoints: checkpoints(sample),
    layers: "all",
    engine: "onnxruntime 1.30",
    seconds: 0.412,
    reading: reading(sample),
    orders:
      reading(sample) === "probabilities"
        ? ["margin", "combined", "loss", "selfInfluence"]
        : ["loss", "selfInfluence"],
    queries:
      kind !== "explain"
        ? []
        : Array.from({ length: queries }, (_, index) => query(sample, 142 + index)),
    changes: stale ? ["train/labels.csv was edited.", "checkpoints/epoch-06.pt is new."] : [],
  };
}
