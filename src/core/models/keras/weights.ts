import { float32, type Shape, sizeOf, type Tensor } from "../../graph/tensor.ts";
import type { ModelWeight } from "../model.ts";
import type { WeightOptions } from "./layer.ts";

/**
 * Where a layer stands, in the words of each kind of file. Alternatives come from versions of Keras that name things
 * differently; the first is the usual one.
 */
export interface WeightScope {
  /** Name of the layer of the outermost model that it is or lies in: the group of a legacy `.h5`. */
  readonly group: string;
  /** Paths in `.weights.h5` and `.keras`: `layers/sequential/layers/dense_1`. */
  readonly paths: readonly string[];
  /** Names in front of the variable's: `enc/dense`, and `dense` alone (Keras 2 gives inner layers no prefix). */
  readonly names: readonly string[];
  /** False inside a layer or model that is not trained. */
  readonly trainable: boolean;
  /** Its place among the layers of its model, after those of the models around it. */
  readonly place: readonly number[];
}

/**
 * The scope of a layer or cell inside another one.
 * @param place among the layers of a model; those of another layer are used in the order in which Keras keeps them
 */
export function childScope(
  parent: WeightScope,
  attributes: readonly string[],
  names: readonly string[],
  trainable: boolean,
  place?: number,
): WeightScope {
  return {
    group: parent.group,
    paths: parent.paths.flatMap((path) => attributes.map((attribute) => join(path, attribute))),
    names: parent.names.flatMap((outer) => names.map((name) => join(outer, name))),
    trainable: parent.trainable && trainable,
    place: place === undefined ? parent.place : [...parent.place, place],
  };
}

interface Declared {
  readonly name: string;
  readonly shape: Shape;
  readonly scope: WeightScope;
  /** Keras's own name of the variable. */
  readonly variable: string;
  /** As Keras creates it, whatever the layer's `trainable` says later. */
  readonly trainable: boolean;
  /** Position among those of its kind in its layer. */
  readonly position: number;
}

/** The weights that layers declare while they are translated. */
export class WeightStore {
  private readonly declared = new Map<string, Declared>();
  private readonly counts = new Map<string, { trainable: number; fixed: number }>();

  /** @param model name of the model, which Keras 3 puts in front of variable names of a Sequential model */
  constructor(private readonly model: string) {}

  /** Declares a weight, or finds it again where its layer is called once more. Returns its name. */
  declare(
    scope: WeightScope,
    variable: string,
    shape: Shape,
    { trainable = true }: WeightOptions,
  ): string {
    const name = join(scope.names[0] ?? "", variable);
    if (!this.declared.has(name)) {
      const key = scope.paths[0] ?? "";
      const counts = this.counts.get(key) ?? { trainable: 0, fixed: 0 };
      this.counts.set(key, counts);
      const position = trainable ? counts.trainable++ : counts.fixed++;
      this.declared.set(name, { name, shape, scope, variable, trainable, position });
    }
    return name;
  }

  /** Every weight, in the order of declaration. */
  weights(): ModelWeight[] {
    return [...this.declared.values()].map((weight) => ({
      name: weight.name,
      shape: weight.shape,
      role: weight.trainable && weight.scope.trainable ? "parameter" : "buffer",
      aliases: this.aliases(weight),
    }));
  }

  /** Names of the trained weights in the order in which Keras gives them to an optimizer: layer by layer of the model. */
  order(): string[] {
    return [...this.declared.values()]
      .filter(({ trainable, scope }) => trainable && scope.trainable)
      .sort((a, b) => comparePlaces(a.scope.place, b.scope.place))
      .map(({ name }) => name);
  }

  /** Zeros of every weight's shape: the values come from checkpoints. */
  zeros(): Map<string, Tensor> {
    return new Map(
      [...this.declared.values()].map(({ name, shape }) => [
        name,
        float32(shape, new Float32Array(sizeOf(shape))),
      ]),
    );
  }

  /**
   * - `.keras`, `.weights.h5`: `layers/dense/vars/0`
   * - `.h5` of Keras 2: `dense/dense/kernel:0`; of Keras 3: `dense/dense/kernel`, `dense/sequential/dense/kernel`
   * - TensorFlow.js, and names as `variable.path` gives them: `dense/kernel`, `sequential/dense/kernel`
   */
  private aliases(weight: Declared): string[] {
    const { name, scope, variable, trainable, position } = weight;
    const trained = this.counts.get(scope.paths[0] ?? "")?.trainable ?? 0;
    const index = trainable ? position : trained + position;
    const plain = scope.names.flatMap((outer) => {
      const own = join(outer, variable);
      return [own, join(this.model, own)];
    });
    const legacy = [...plain, ...plain.map((own) => join(scope.group, own))];
    const names = new Set([
      ...scope.paths.map((path) => `${path}/vars/${index}`),
      ...legacy.flatMap((own) => [own, `${own}:0`]),
    ]);
    names.delete(name);
    return [...names];
  }
}

function comparePlaces(a: readonly number[], b: readonly number[]): number {
  const different = a.findIndex((place, depth) => place !== b[depth]);
  return different === -1 ? 0 : (a[different] ?? 0) - (b[different] ?? 0);
}

function join(outer: string, inner: string): string {
  return outer === "" || inner === "" ? outer + inner : `${outer}/${inner}`;
}
