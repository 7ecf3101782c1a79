import { workspace } from "vscode";

/** Which engine runs the graphs. */
export type EngineSetting = "auto" | "onnxruntime" | "tensorflow" | "reference";

/** What the compute process is told when it starts. */
export interface ComputeSettings {
  /** Memory that the computation may take, in megabytes; 0 lets TracIn choose. */
  readonly memoryLimit: number;
  /** Processes that share the examples; 0 lets TracIn choose. */
  readonly processes: number;
  readonly engine: EngineSetting;
}

/** Which annotations a person wants to see. */
export interface AnnotationSettings {
  readonly afterText: boolean;
  readonly overviewRuler: boolean;
  readonly gutter: boolean;
  readonly hover: boolean;
  readonly codeLens: boolean;
  readonly problems: boolean;
  readonly badges: boolean;
  /** Examples of each ranked list that are marked. */
  readonly limit: number;
}

/** The settings `tracin.memoryLimit`, `tracin.processes` and `tracin.engine`. */
export function computeSettings(): ComputeSettings {
  const settings = workspace.getConfiguration("tracin");
  return {
    memoryLimit: settings.get("memoryLimit", 0),
    processes: settings.get("processes", 0),
    engine: settings.get<EngineSetting>("engine", "auto"),
  };
}

/** The setting `tracin.useIndex`: whether a gradient index that is up to date is asked. */
export function usesIndex(): boolean {
  return workspace.getConfiguration("tracin").get("useIndex", true);
}

/** The settings under `tracin.annotations`. */
export function annotationSettings(): AnnotationSettings {
  const settings = workspace.getConfiguration("tracin.annotations");
  return {
    afterText: settings.get("afterText", true),
    overviewRuler: settings.get("overviewRuler", true),
    gutter: settings.get("gutter", true),
    hover: settings.get("hover", true),
    codeLens: settings.get("codeLens", false),
    problems: settings.get("problems", true),
    badges: settings.get("badges", true),
    limit: settings.get("limit", 20),
  };
}
