import type { TargetConfig } from "./config.ts";

/** A target that is a mask of the image. */
export type MaskTarget = Extract<
  TargetConfig,
  { readonly mask: string } | { readonly masks: string }
>;

/** How masks are read, where a target is one. */
export function maskTarget(target: TargetConfig | undefined): MaskTarget | undefined {
  return typeof target === "object" && ("mask" in target || "masks" in target) ? target : undefined;
}
