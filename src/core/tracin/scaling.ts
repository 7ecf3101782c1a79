import type { Node } from "../graph/graph.ts";
import type { Forward } from "./forward.ts";
import { type SiteGroup, sitesOf } from "./layout.ts";
import { weightNodes } from "./views.ts";

/**
 * How parameters weigh where they do not all weigh the same: a score is then the sum over parameter elements of
 * scale * g(z) * g(q), and self-influence that of scale * g(z)^2. Scales differ between checkpoints, so they are
 * graph inputs: of each class of parameters (one number), or of each parameter (one number per element).
 */
export type Scaling =
  | { readonly kind: "classes"; readonly classes: ReadonlyMap<string, number> }
  | { readonly kind: "elements" };

/** The graph input with the scale of a class, a scalar. */
export function classInput(index: number): string {
  return `tracin.scale.class.${index}`;
}

/** The graph input with the scales of a parameter's elements, of its shape. */
export function elementsInput(parameter: string): string {
  return `tracin.scale.of.${parameter}`;
}

/** The scale of a group of sites. */
export type GroupScale =
  /** One for all of its elements: a scalar value of the graph. */
  | { readonly kind: "one"; readonly value: string }
  /**
   * One per element: a value of the graph, in the shape of the site's weight, or flat where the group's gradient is
   * pulled back to its parameters.
   */
  | { readonly kind: "each"; readonly value: string };

/** Makes the scales of a graph's groups; each graph input is declared once. */
export class ScaleInputs {
  private readonly declared = new Set<string>();

  constructor(
    private readonly forward: Forward,
    private readonly scaling: Scaling,
  ) {}

  of(group: SiteGroup): GroupScale {
    const classes = new Set(group.parameters.map((name) => this.classOf(name)));
    const [only] = classes;
    if (classes.size === 1 && only !== undefined) {
      return { kind: "one", value: this.declare(classInput(only), []) };
    }
    const { builder } = this.forward;
    if (group.kind === "pulledBack" || group.kind === "computed") {
      const flat = group.parameters.map((name) => builder.reshape(this.elements(name), [-1]));
      const [first = ""] = flat;
      const value = flat.length === 1 ? first : builder.op("Concat", flat, { axis: 0 });
      return { kind: "each", value };
    }
    if (group.kind === "tied") {
      return { kind: "each", value: this.elements(group.parameters[0] ?? "") };
    }
    const [site] = sitesOf(group);
    return { kind: "each", value: this.moved(site?.weight ?? "", group.parameters) };
  }

  private classOf(parameter: string): number | undefined {
    return this.scaling.kind === "classes" ? this.scaling.classes.get(parameter) : undefined;
  }

  /** The scales of a parameter's elements, in its shape. */
  private elements(parameter: string): string {
    const { shape } = this.forward.type(parameter);
    const index = this.classOf(parameter);
    if (index === undefined) {
      return this.declare(elementsInput(parameter), shape);
    }
    const { builder } = this.forward;
    return builder.op("Expand", [this.declare(classInput(index), []), builder.ints(shape)]);
  }

  /** The scales take the way that the parameters take to the site (Transpose, Concat, ...). */
  private moved(weight: string, parameters: readonly string[]): string {
    const { builder } = this.forward;
    const values = new Map(parameters.map((name) => [name, this.elements(name)]));
    for (const node of weightNodes(this.forward, weight)) {
      const copy: Node = {
        ...node,
        name: builder.unique(`${node.name}.scale`),
        inputs: node.inputs.map((input) => values.get(input) ?? input),
        outputs: node.outputs.map((output) => builder.unique(`${output}.scale`)),
      };
      builder.add(copy);
      node.outputs.forEach((output, index) => {
        values.set(output, copy.outputs[index] ?? "");
      });
    }
    return values.get(weight) ?? weight;
  }

  private declare(name: string, shape: readonly number[]): string {
    if (!this.declared.has(name)) {
      this.declared.add(name);
      this.forward.builder.input({ name, dtype: "float32", shape });
    }
    return name;
  }
}
