import type { LayerFamily, LayerTranslator } from "../layer.ts";

/** What a layer of training gives in evaluation mode: its input. */
const same =
  (...settings: readonly string[]): LayerTranslator =>
  (context, [x]) => {
    context.layer.ignore(...settings);
    if (x === undefined) {
      throw context.error("The layer is called without a tensor.");
    }
    return x;
  };

/** Layers that change nothing in evaluation mode. */
export const identity: LayerFamily = {
  Identity: same(),
  Dropout: same("rate", "noise_shape"),
  SpatialDropout1D: same("rate"),
  SpatialDropout2D: same("rate", "data_format"),
  SpatialDropout3D: same("rate", "data_format"),
  GaussianNoise: same("stddev"),
  GaussianDropout: same("rate"),
  AlphaDropout: same("rate", "noise_shape"),
  ActivityRegularization: same("l1", "l2"),
};
