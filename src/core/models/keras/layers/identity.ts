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

/** Layers that change images at random while a model is trained. */
const augmentations = [
  "AugMix",
  "CutMix",
  "MixUp",
  "RandAugment",
  "RandomBrightness",
  "RandomColorDegeneration",
  "RandomColorJitter",
  "RandomContrast",
  "RandomElasticTransform",
  "RandomErasing",
  "RandomFlip",
  "RandomGaussianBlur",
  "RandomGrayscale",
  "RandomHeight",
  "RandomHue",
  "RandomInvert",
  "RandomPerspective",
  "RandomPosterization",
  "RandomRotation",
  "RandomSaturation",
  "RandomSharpness",
  "RandomShear",
  "RandomTranslation",
  "RandomWidth",
  "RandomZoom",
];

const augmentationSettings = [
  "alpha",
  "augmentations",
  "brightness_factor",
  "chain_depth",
  "contrast_factor",
  "data_format",
  "factor",
  "fill_mode",
  "fill_value",
  "height_factor",
  "hue_factor",
  "interpolation",
  "kernel_size",
  "mode",
  "num_chains",
  "num_ops",
  "range",
  "ratio",
  "saturation_factor",
  "scale",
  "sigma",
  "value_range",
  "width_factor",
  "x_factor",
  "y_factor",
];

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
  ...Object.fromEntries(augmentations.map((name) => [name, same(...augmentationSettings)])),
};
