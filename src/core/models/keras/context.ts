import { TracInError } from "../../errors.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import type { Shape } from "../../graph/tensor.ts";
import type {
  ChildScope,
  KerasShape,
  KerasTensor,
  LayerCall,
  LayerContext,
  TensorOptions,
  WeightOptions,
} from "./layer.ts";
import type { LayerConfig } from "./settings.ts";
import { childScope, type WeightScope, type WeightStore } from "./weights.ts";

/** What all layers of a model share while it is translated. */
export interface Translation {
  readonly builder: GraphBuilder;
  readonly weights: WeightStore;
  readonly version: 2 | 3;
  readonly minor: number;
  readonly file: string;
  /** Sizes of the data by model input, the batch first; where given, no size but the batch is open. */
  readonly sizes: ReadonlyMap<string, Shape>;
  /** Axes of values whose size the graph was built for without knowing it. */
  readonly guessed: Set<string>;
  /** Number of axes of the masks that have not two. */
  readonly maskRanks: Map<string, number>;
  /** For a value that is another one with its axes permuted, or that has been: which, and how. */
  readonly arrangements: Map<string, Arrangement>;
  /** Values that have lost their masks. */
  readonly unmasked: Set<string>;
  /** Translates one call of any layer. */
  translate(context: Context): readonly KerasTensor[];
}

/** A value as a permutation of a first one, and all such values. */
interface Arrangement {
  /** Axis of the first value for each axis of this one. */
  readonly axes: readonly number[];
  /** Values by their axes. */
  readonly all: Map<string, string>;
}

/** See {@link LayerContext}. */
export class Context implements LayerContext {
  constructor(
    readonly translation: Translation,
    readonly layer: LayerConfig,
    readonly scope: WeightScope,
    readonly call: LayerCall,
  ) {}

  get builder(): GraphBuilder {
    return this.translation.builder;
  }

  get version(): 2 | 3 {
    return this.translation.version;
  }

  get minor(): number {
    return this.translation.minor;
  }

  tensor(value: string, shape: KerasShape, options: TensorOptions = {}): KerasTensor {
    const order = options.order ?? shape.map((_, axis) => axis);
    return {
      value,
      shape,
      order,
      dtype: options.dtype ?? "float32",
      ...(options.mask === undefined ? {} : { mask: options.mask }),
    };
  }

  like(tensor: KerasTensor, value: string): KerasTensor {
    return { ...tensor, value };
  }

  plain(tensor: KerasTensor): string {
    return this.ordered(
      tensor,
      tensor.shape.map((_, axis) => axis),
    );
  }

  ordered(tensor: KerasTensor, order: readonly number[]): string {
    const { arrangements } = this.translation;
    const own = tensor.order.map((_, axis) => axis);
    const from = arrangements.get(tensor.value) ?? {
      axes: own,
      all: new Map([[own.join(), tensor.value]]),
    };
    arrangements.set(tensor.value, from);
    const permutation = order.map((axis) => tensor.order.indexOf(axis));
    const axes = permutation.map((axis) => from.axes[axis] ?? axis);
    const found = from.all.get(axes.join());
    if (found !== undefined) {
      return found;
    }
    const value = this.builder.transpose(tensor.value, permutation);
    from.all.set(axes.join(), value);
    arrangements.set(value, { axes, all: from.all });
    return value;
  }

  weight(name: string, shape: Shape, options: WeightOptions = {}): string {
    return this.translation.weights.declare(this.scope, name, shape, options);
  }

  size(x: KerasTensor, axis: number): number {
    const size = x.shape[axis];
    if (typeof size === "number") {
      return size;
    }
    this.translation.guessed.add(`${x.value}[${axis}]`);
    return 1;
  }

  maskRank(mask: string): number {
    return this.translation.maskRanks.get(mask) ?? 2;
  }

  dropMask(tensor: KerasTensor): void {
    this.translation.unmasked.add(tensor.value);
  }

  rememberMask(mask: string, rank: number): string {
    if (rank !== 2) {
      this.translation.maskRanks.set(mask, rank);
    }
    return mask;
  }

  child(layer: LayerConfig, { attributes, names }: ChildScope, call: LayerCall): Context {
    const scope = childScope(this.scope, attributes, names, layer.trainable);
    return new Context(this.translation, layer, scope, call);
  }

  apply(layer: LayerConfig, scope: ChildScope, call: LayerCall): readonly KerasTensor[] {
    return this.translation.translate(this.child(layer, scope, call));
  }

  error(message: string, remedy?: string): TracInError {
    return new TracInError("model", message, this.layer.place, remedy);
  }
}
