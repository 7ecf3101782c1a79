import { counted } from "../../counted.ts";
import { type ErrorPlace, TracInError } from "../../errors.ts";
import { isJsonObject, type Json, type JsonObject, textAt } from "../../formats/json.ts";

/**
 * Settings that change nothing of what a trained layer computes in evaluation mode: how weights began, what training added
 * to the loss of a batch (regularisers belong to no example), and bookkeeping.
 */
const idle =
  /^(name|trainable|dtype|batch_size|batch_shape|batch_input_shape|input_shape|input_dtype|sparse|ragged|optional|seed|momentum|autocast|rng_type|shared_object_id)$|_(initializer|regularizer|constraint)$|^renorm|^fused$|^synchronized$|^virtual_batch_size$|^implementation$|^unroll$|^quantization_config$/;

/**
 * One layer as the file describes it: class, name and settings. Every setting must be read by the translator of the class
 * or be known to change nothing; {@link checkAllRead} refuses what is left, so that no setting is ignored in silence.
 */
export class LayerConfig {
  readonly className: string;
  readonly name: string;
  /** Python module of the class, where the file says it (Keras 3). */
  readonly module: string | undefined;
  /** Name under which a class of the person's own was registered. */
  readonly registeredName: string | undefined;
  readonly settings: JsonObject;
  private readonly read = new Set<string>();

  /**
   * @param data `{ class_name, config, ... }`
   * @param file for messages
   * @throws kind `model` when it is nothing of that kind
   */
  constructor(
    readonly data: Json | undefined,
    readonly file: string,
  ) {
    const className = isJsonObject(data) ? textAt(data, "class_name") : undefined;
    if (!isJsonObject(data) || className === undefined) {
      throw new TracInError(
        "model",
        "A layer of the architecture has no class name.",
        { file },
        "Save the model again with Keras.",
      );
    }
    const { config } = data;
    // Very old files hold the layers of a Sequential model in place of its settings.
    this.settings = isJsonObject(config) ? config : Array.isArray(config) ? { layers: config } : {};
    this.className = className.replace(/^.*>/, "");
    this.name = textAt(this.settings, "name") ?? textAt(data, "name") ?? this.className;
    this.module = textAt(data, "module");
    this.registeredName = className.includes(">") ? className : textAt(data, "registered_name");
  }

  /** Whether the layer is trained; layers are unless told. */
  get trainable(): boolean {
    return this.settings["trainable"] !== false;
  }

  get place(): ErrorPlace {
    return { file: this.file, layer: `${this.name} (${this.className})` };
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  /** The setting as it is; undefined where it is absent or null. */
  raw(key: string): Json | undefined {
    this.read.add(key);
    return Object.hasOwn(this.settings, key) ? (this.settings[key] ?? undefined) : undefined;
  }

  bool(key: string, fallback: boolean): boolean {
    const value = this.raw(key) ?? fallback;
    return typeof value === "boolean" ? value : this.refuse(key, "true or false");
  }

  number(key: string, fallback?: number): number {
    const value = this.raw(key) ?? fallback;
    return typeof value === "number" && Number.isFinite(value)
      ? value
      : this.refuse(key, "a number");
  }

  /** A whole number. */
  int(key: string, fallback?: number): number {
    const value = this.raw(key) ?? fallback;
    return typeof value === "number" && Number.isSafeInteger(value)
      ? value
      : this.refuse(key, "a whole number");
  }

  /** Whole numbers: a list, or one number that stands for `length` equal ones. */
  ints(key: string, length?: number, fallback?: number | readonly number[]): readonly number[] {
    const value = this.raw(key) ?? fallback;
    const list =
      typeof value === "number" ? Array.from({ length: length ?? 1 }, () => value) : value;
    return Array.isArray(list) &&
      (length === undefined || list.length === length) &&
      list.every((item) => typeof item === "number" && Number.isSafeInteger(item))
      ? list
      : this.refuse(key, length === undefined ? "whole numbers" : counted(length, "whole number"));
  }

  string(key: string, fallback?: string): string {
    const value = this.raw(key) ?? fallback;
    return typeof value === "string" ? value : this.refuse(key, "a text");
  }

  /** One of several words. */
  choice<T extends string>(key: string, words: readonly T[], fallback?: T): T {
    const value = this.raw(key) ?? fallback;
    return words.find((word) => word === value) ?? this.refuse(key, words.join(" or "));
  }

  /** A layer inside this one, as wrappers have it. */
  layer(key: string): LayerConfig {
    return new LayerConfig(this.raw(key), this.file);
  }

  /** Marks settings as known to make no difference in evaluation mode, such as the rate of a Dropout. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) {
      this.read.add(key);
    }
  }

  /** @throws kind `model` for quantised weights and for a setting that nothing has read; null and false switch a feature off and are fine. */
  checkAllRead(): void {
    const policy = JSON.stringify(this.settings["dtype"] ?? null);
    if (/quantized|_from_/i.test(policy)) {
      throw new TracInError(
        "model",
        "The weights of this layer are quantised.",
        this.place,
        "Save the model before quantising it.",
      );
    }
    for (const [key, value] of Object.entries(this.settings)) {
      if (value !== null && value !== false && !this.read.has(key) && !idle.test(key)) {
        throw new TracInError(
          "model",
          `The setting "${key}" of this layer is not known: ${JSON.stringify(value).slice(0, 80)}.`,
          this.place,
          "Leave the setting at its default, or export the model to ONNX.",
        );
      }
    }
  }

  private refuse(key: string, wanted: string): never {
    const value = JSON.stringify(this.settings[key] ?? null).slice(0, 80);
    throw new TracInError(
      "model",
      `The setting "${key}" must be ${wanted}, not ${value}.`,
      this.place,
      "Save the model again with Keras.",
    );
  }
}
