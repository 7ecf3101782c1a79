import * as z from "zod";
import { configSchema } from "./config.ts";

/** The part of JSON Schema that `z.toJSONSchema` writes and that is looked at here. */
export interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema | boolean;
  readonly prefixItems?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
}

/** The JSON schema of `tracin.json`, as the manifest of the extension refers to it. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { io: "input" });
  return {
    $schema,
    title: "TracIn workspace",
    description: "What belongs together: a model, its checkpoints and the data it was trained on.",
    ...rest,
  };
}

/** Keys that may stand in the object at a path of `tracin.json`, over all variants of it. */
export function knownKeys(path: readonly PropertyKey[]): string[] {
  let places: JsonSchema[] = variants([configJsonSchema()]);
  for (const step of path) {
    places = variants(places.flatMap((place) => children(place, step)));
  }
  return [...new Set(places.flatMap((place) => Object.keys(place.properties ?? {})))];
}

function children(place: JsonSchema, step: PropertyKey): JsonSchema[] {
  const candidates =
    typeof step === "number"
      ? [place.prefixItems?.[step], place.items]
      : [place.properties?.[String(step)] ?? place.additionalProperties];
  return candidates.filter((child) => typeof child === "object");
}

function variants(places: readonly JsonSchema[]): JsonSchema[] {
  return places.flatMap((place) => [place, ...variants(place.anyOf ?? [])]);
}
