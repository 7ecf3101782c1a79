import { type Answers, detectWorkspace } from "../core/config/detect.ts";
import type { SetupProposal } from "../protocol/project.ts";

/**
 * Set-up over the protocol: a person is shown the labels of the options, and their values go back to the core.
 */
export class Setup {
  /** Value of each label that was shown, by folder, question and label. */
  private readonly values = new Map<string, string>();

  /** Finds model, checkpoints and data; what is open becomes questions. */
  async detect(root: string, shown: Readonly<Record<string, string>>): Promise<SetupProposal> {
    const answers: Answers = Object.fromEntries(
      Object.entries(shown).map(([id, label]) => [
        id,
        this.values.get(keyOf(root, id, label)) ?? label,
      ]),
    );
    const { proposal, questions, notes } = await detectWorkspace(root, answers);
    return {
      config: proposal,
      questions: questions.map(({ id, prompt, options }) => ({
        id,
        prompt,
        options: options.map(({ value, label }) => {
          this.values.set(keyOf(root, id, label), value);
          return label;
        }),
      })),
      notes,
    };
  }
}

function keyOf(...parts: readonly string[]): string {
  return parts.join("\0");
}
