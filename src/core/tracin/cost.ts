import type { SiteFactors } from "./factors.ts";

/** How the product of two examples' gradients at a site is computed. All forms give the same number. */
export type ScoreForm = "factorised" | "explicit" | "gram" | "tangent";

/** The chosen forms of one site group. */
export interface FormChoice {
  readonly score: ScoreForm;
  readonly self: Exclude<ScoreForm, "tangent">;
  /** Multiply-adds per training example. */
  readonly cost: number;
  /** Floats held per training example beyond the factors themselves. */
  readonly memory: number;
}

/** Sizes that the cost depends on. */
export interface QuestionSize {
  /** Number of queries M; 0 asks for self-influence alone. */
  readonly queries: number;
  /** A sum of queries has full rank: it has no factors, only a gradient. */
  readonly aggregate: boolean;
  /** Floats per query that may be held (memory limit). */
  readonly queryFloats: number;
}

/**
 * Multiply-adds that a matrix product does in the time in which an elementwise pass touches one number.
 * Elementwise work is weighted with it, so that forms with large intermediates pay for them.
 */
const elementwiseWeight = 8;

/**
 * The cheapest forms of a site for scores and self-influence together (design, section 5): with P positions,
 * K inputs, O outputs, M queries: factorised M(K + O) when P = 1; explicit OKP + MOK, which includes
 * self-influence; gram M P^2 (K + O) and P^2 (K + O) for self-influence; tangent MOKP.
 */
export function chooseForms(factors: SiteFactors, question: QuestionSize): FormChoice {
  if (factors.kind === "vector") {
    const cost = (question.queries + 1) * factors.size;
    return { score: "explicit", self: "explicit", cost, memory: factors.size };
  }
  const candidates =
    factors.kind === "rows" ? rowForms(factors, question) : outerForms(factors, question);
  return candidates.reduce((best, form) => (form.cost < best.cost ? form : best));
}

function outerForms(
  factors: Extract<SiteFactors, { kind: "outer" }>,
  question: QuestionSize,
): FormChoice[] {
  const { queries: M, aggregate } = question;
  const P = factors.u.positions;
  const K = factors.u.features;
  const O = factors.delta.features;
  const G = factors.groups;
  const explicit: FormChoice = {
    score: "explicit",
    self: "explicit",
    cost: G * (O * K * P + M * O * K + elementwiseWeight * O * K),
    memory: G * O * K,
  };
  if (G > 1) {
    return [explicit];
  }
  const self =
    P === 1
      ? { self: "factorised" as const, cost: elementwiseWeight * (K + O), memory: 0 }
      : cheaper(
          { self: "gram" as const, cost: P * P * (K + O + elementwiseWeight), memory: 2 * P * P },
          { self: "explicit" as const, cost: O * K * (P + elementwiseWeight), memory: O * K },
        );
  const tangent: FormChoice = {
    score: "tangent",
    self: self.self,
    cost: M * O * P * (K + elementwiseWeight) + self.cost,
    memory: M * O * P + self.memory,
  };
  if (aggregate) {
    return P === 1 ? [tangent] : [explicit, tangent];
  }
  if (P === 1) {
    return [
      { score: "factorised", self: "factorised", cost: M * (K + O) + self.cost, memory: 2 * M },
    ];
  }
  const gram: FormChoice = {
    score: "gram",
    self: self.self,
    cost: M * P * P * (K + O + elementwiseWeight) + self.cost,
    memory: 2 * M * P * P + self.memory,
  };
  const fitsGradient = O * K <= question.queryFloats;
  return fitsGradient ? [explicit, gram, tangent] : [gram];
}

function rowForms(
  factors: Extract<SiteFactors, { kind: "rows" }>,
  question: QuestionSize,
): FormChoice[] {
  const { queries: M, aggregate } = question;
  const P = factors.delta.positions;
  const D = factors.delta.features;
  const self = { cost: P * P * (D + elementwiseWeight), memory: 2 * P * P };
  const tangent: FormChoice = {
    score: "tangent",
    self: "gram",
    cost: M * P * D * elementwiseWeight + self.cost,
    memory: 2 * M * P * D + self.memory,
  };
  const gram: FormChoice = {
    score: "gram",
    self: "gram",
    cost: M * P * P * (D + elementwiseWeight) + self.cost,
    memory: 2 * M * P * P + self.memory,
  };
  const fitsTable = factors.rows * D <= question.queryFloats;
  return aggregate ? [tangent] : fitsTable ? [tangent, gram] : [gram];
}

function cheaper<A extends { cost: number }, B extends { cost: number }>(a: A, b: B): A | B {
  return a.cost <= b.cost ? a : b;
}
