import type { Outer, Rows, SiteFactors, Tied } from "./factors.ts";

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
  /** Whether every element of the gradient has a scale of its own; a product of factors cannot carry it. */
  readonly elementwise?: boolean;
}

/**
 * Multiply-adds that a matrix product does in the time in which an elementwise pass touches one number.
 * Elementwise work is weighted with it, so that forms with large intermediates pay for them.
 */
const elementwiseWeight = 8;

/** Picks one of the forms of a site. */
export type FormChooser = (factors: SiteFactors, question: QuestionSize) => FormChoice;

/** The cheapest of {@link possibleForms}. */
export const chooseForms: FormChooser = (factors, question) =>
  possibleForms(factors, question).reduce((best, form) => (form.cost < best.cost ? form : best));

/**
 * The forms that fit a site, for scores and self-influence together (design, section 5): with P positions,
 * K inputs, O outputs, M queries: factorised M(K + O) when P = 1; explicit OKP + MOK, which includes
 * self-influence; gram M P^2 (K + O), and P^2 (K + O) for self-influence; tangent MOKP. Where each element has its
 * scale, only explicit and tangent are left, and self-influence costs OK even when P = 1.
 */
export function possibleForms(
  factors: SiteFactors,
  question: QuestionSize,
): readonly [FormChoice, ...FormChoice[]] {
  if (factors.kind === "vector") {
    const cost = (question.queries + 1) * factors.size;
    const memory = factors.floatsPerExample ?? factors.size;
    return [{ score: "explicit", self: "explicit", cost, memory }];
  }
  switch (factors.kind) {
    case "rows":
      return rowForms(factors, question);
    case "tied":
      return tiedForms(factors, question);
    case "outer":
      return outerForms(factors, question);
  }
}

function outerForms(factors: Outer, question: QuestionSize): [FormChoice, ...FormChoice[]] {
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
  const tangent = {
    score: "tangent",
    cost: M * O * P * (K + elementwiseWeight),
    memory: M * O * P,
  } as const;
  const gram = {
    score: "gram",
    cost: M * P * P * (K + O + elementwiseWeight),
    memory: 2 * M * P * P,
  } as const;
  if (question.elementwise) {
    const self =
      P === 1
        ? ({ self: "factorised", cost: O * (K + elementwiseWeight), memory: O } as const)
        : ({ self: "explicit", cost: O * K * (P + elementwiseWeight), memory: O * K } as const);
    return P === 1 ? [both(tangent, self)] : [explicit, both(tangent, self)];
  }
  if (P === 1) {
    const self = { self: "factorised", cost: elementwiseWeight * (K + O), memory: 0 } as const;
    const factorised = { score: "factorised", cost: M * (K + O), memory: 2 * M } as const;
    return [both(aggregate ? tangent : factorised, self)];
  }
  const selfForms = [
    { self: "gram", cost: P * P * (K + O + elementwiseWeight), memory: 2 * P * P },
    { self: "explicit", cost: O * K * (P + elementwiseWeight), memory: O * K },
  ] as const;
  // A query's full gradient may be too large to hold; its factors are not.
  const isGradientHeld = aggregate || O * K <= question.queryFloats;
  const held = isGradientHeld ? selfForms.map((self) => both(tangent, self)) : [];
  const factored = aggregate ? [] : selfForms.map((self) => both(gram, self));
  const [first = explicit, ...others] = [
    ...(isGradientHeld ? [explicit] : []),
    ...factored,
    ...held,
  ];
  return [first, ...others];
}

function rowForms(factors: Rows, question: QuestionSize): [FormChoice, ...FormChoice[]] {
  const { queries: M, aggregate } = question;
  const P = factors.delta.positions;
  const D = factors.delta.features;
  const self = {
    self: "gram",
    cost: P * P * (D + elementwiseWeight),
    memory: 2 * P * P,
  } as const;
  const tangent = both(
    { score: "tangent", cost: M * P * D * elementwiseWeight, memory: 2 * M * P * D },
    self,
  );
  if (aggregate) {
    return [tangent];
  }
  const gram = both(
    { score: "gram", cost: M * P * P * (D + elementwiseWeight), memory: 2 * M * P * P },
    self,
  );
  return factors.rows * D <= question.queryFloats ? [tangent, gram] : [gram];
}

/** Lookups with P positions and products with S of them in one table of V rows of D numbers. */
function tiedForms({ rows, outer }: Tied, question: QuestionSize): [FormChoice, ...FormChoice[]] {
  const { queries: M, aggregate, elementwise } = question;
  const { positions: P, features: D } = rows.delta;
  const V = rows.rows;
  const S = outer.u.positions;
  const pairs = P * P * (D + elementwiseWeight) + S * P * (D + 2 * elementwiseWeight);
  const products = S * S * (V + D + elementwiseWeight);
  const gram = { self: "gram", cost: pairs + products, memory: 2 * (P + S) * (P + S) } as const;
  const whole = { self: "explicit", cost: V * D * (S + elementwiseWeight), memory: V * D } as const;
  const self = elementwise ? whole : gram;
  const tangent = both(
    {
      score: "tangent",
      cost: M * (P * D * elementwiseWeight + S * D * (V + elementwiseWeight)),
      memory: M * D * (2 * P + S),
    },
    self,
  );
  if (aggregate || elementwise) {
    return [tangent];
  }
  const factored = both(
    {
      score: "gram",
      cost: M * (pairs + S * P * (D + 2 * elementwiseWeight) + products),
      memory: 2 * M * (P + S) * (P + S),
    },
    gram,
  );
  return V * D <= question.queryFloats ? [tangent, factored] : [factored];
}

function both(
  score: Pick<FormChoice, "score" | "cost" | "memory">,
  self: Pick<FormChoice, "self" | "cost" | "memory">,
): FormChoice {
  return {
    score: score.score,
    self: self.self,
    cost: score.cost + self.cost,
    memory: score.memory + self.memory,
  };
}
