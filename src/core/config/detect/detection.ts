import type { Config } from "../config.ts";

/** What may have to be asked. */
export type QuestionId =
  | "model"
  | "checkpoints"
  | "learningRate"
  | "train"
  | "target"
  | "columns"
  | "loss"
  | "labels"
  | "pixels"
  | "standardise";

export interface QuestionOption {
  /** Goes back as the answer. */
  readonly value: string;
  readonly label: string;
  readonly detail?: string;
}

/** Something that the files do not tell. */
export interface Question {
  readonly id: QuestionId;
  readonly prompt: string;
  /** The first one is what the proposal assumes; empty when the answer is typed. */
  readonly options: readonly QuestionOption[];
  /** What may be typed instead of choosing. */
  readonly input?: "number" | "text";
}

/** Answers to earlier questions, by question. */
export type Answers = Readonly<Partial<Record<QuestionId, string>>>;

/** What was found in a workspace. */
export interface Detection {
  /** As far as the files tell; complete when nothing is missing and no question is open. */
  readonly proposal: Partial<Config>;
  readonly candidates: {
    readonly models: readonly string[];
    /** Patterns of checkpoint series that fit the model. */
    readonly checkpoints: readonly string[];
    readonly datasets: readonly { readonly path: string; readonly columns: readonly string[] }[];
    readonly tokenizers: readonly string[];
  };
  readonly questions: readonly Question[];
  /** What was concluded and from what, as sentences for the person. */
  readonly notes: readonly string[];
}

/** Collects questions and notes while the parts look at the files. */
export class Findings {
  readonly questions: Question[] = [];
  readonly notes: string[] = [];

  constructor(readonly answers: Answers) {}

  /**
   * One of several values: the answered one, the only one, or the first with a question.
   * @returns undefined when there is none
   */
  choose<T>(
    id: QuestionId,
    prompt: string,
    values: readonly T[],
    option: (value: T) => QuestionOption,
  ): T | undefined {
    const answer = this.answers[id];
    const answered = values.find((value) => option(value).value === answer);
    if (answered === undefined && values.length > 1) {
      this.questions.push({ id, prompt, options: values.map(option) });
    }
    return answered ?? values[0];
  }
}
