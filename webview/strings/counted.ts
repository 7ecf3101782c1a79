import { formatCount } from "../format.ts";

/** Counts with the word for what is counted; every form is a text of its own, so that languages can have theirs. */
export const counted = {
  checkpoints: (count: number) =>
    count === 1 ? "1 checkpoint" : `${formatCount(count)} checkpoints`,
  examples: (count: number) => (count === 1 ? "1 example" : `${formatCount(count)} examples`),
  trainingExamples: (count: number) =>
    count === 1 ? "1 training example" : `${formatCount(count)} training examples`,
  labels: (count: number) => (count === 1 ? "1 label" : `${formatCount(count)} labels`),
  moreLabels: (count: number) =>
    count === 1 ? "1 more label" : `${formatCount(count)} more labels`,
  outputs: (count: number) => (count === 1 ? "1 output" : `${formatCount(count)} outputs`),
  queries: (count: number) => (count === 1 ? "1 query" : `${formatCount(count)} queries`),
  rows: (count: number) => (count === 1 ? "1 row" : `${formatCount(count)} rows`),
};
