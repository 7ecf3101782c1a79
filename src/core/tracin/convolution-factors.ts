import { groupsOf, transposedWindow, windowOf } from "../autodiff/rules/window.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { sizeOf } from "../graph/tensor.ts";
import { type Factor, type Outer, ordinary } from "./factors.ts";
import type { Forward } from "./forward.ts";
import { patches } from "./patches.ts";
import type { ConvolutionSite } from "./sites.ts";
import { tiledPatches, tilesOf } from "./tiles.ts";

/**
 * Patches of a convolution: u [B, P, K] with K = kernel positions x input channels of the group, in that order
 * (the order cancels in every product, as both sides share it). With groups, the group is part of the batch:
 * [B * groups, P, K]. A transposed convolution is one whose input is y: u holds patches of the gradient, and delta is x.
 */
export function convolutionFactors(
  forward: Forward,
  site: ConvolutionSite,
  gradient: string,
): Outer {
  const { builder, batch } = forward;
  const { node, transposed } = site;
  const context = {
    builder,
    node,
    type: forward.type,
    outputGradients: [],
    wanted: [],
    constant: () => undefined,
  };
  const kernel = forward.type(site.weight).shape.slice(2);
  const window = transposed ? transposedWindow(context, kernel) : windowOf(context, kernel);
  const groups = groupsOf(context);
  const [imageOf, mapOf] = transposed ? [site.y, site.x] : [site.x, site.y];
  const [imageValue, mapValue] = transposed ? [gradient, site.x] : [site.x, gradient];
  const imageShape = forward.type(imageOf).shape;
  const [images = 1, channels = 1] = imageShape;
  const outputs = forward.type(mapOf).shape[1] as number;
  const area = sizeOf(window.out);
  const image = ordinary(forward, imageOf, imageValue);
  const tiles = tilesOf(builder, gradient);
  if (
    tiles !== undefined &&
    images === batch &&
    groups === 1 &&
    !transposed &&
    forward.invariant.has(image)
  ) {
    const features = sizeOf(kernel) * channels;
    const positions = tiles.covered;
    if (features * positions <= forward.keptFloats) {
      // Neither is the gradient put together nor are the patches made again at the next checkpoint.
      const u = tiledPatches(builder, image, imageShape, window, tiles);
      const delta = builder.reshape(tiles.columns, [batch, outputs, positions]);
      return {
        kind: "outer",
        u: { value: u, layout: "FP", positions, features },
        delta: { value: delta, layout: "FP", positions, features: outputs },
        groups,
        bias: false,
        isKept: true,
      };
    }
  }
  const seen = patches(builder, image, imageShape, window, groups);
  const features = (sizeOf(kernel) * channels) / groups;
  const perImage = images / batch;
  const u = toExample(builder, seen, { batch, perImage, groups, features, area });
  const delta = toExample(builder, ordinary(forward, mapOf, mapValue), {
    batch,
    perImage,
    groups,
    features: outputs / groups,
    area,
  });
  return { kind: "outer", u, delta, groups, bias: false };
}

/** [images, groups * features, area] as a factor [batch * groups, ...]; several images of one example are positions. */
function toExample(
  builder: GraphBuilder,
  value: string,
  sizes: { batch: number; perImage: number; groups: number; features: number; area: number },
): Factor {
  const { batch, perImage, groups, features, area } = sizes;
  if (perImage === 1) {
    const shape = [batch * groups, features, area];
    return { value: builder.reshape(value, shape), layout: "FP", positions: area, features };
  }
  const split = builder.reshape(value, [batch, perImage, groups, features, area]);
  const moved = builder.transpose(split, [0, 2, 3, 1, 4]);
  const positions = perImage * area;
  return {
    value: builder.reshape(moved, [batch * groups, features, positions]),
    layout: "FP",
    positions,
    features,
  };
}
