import { floatAttribute, intAttribute } from "../../graph/graph.ts";
import { axisOf } from "../reference/value.ts";
import { cannot, type Kernels, like, need, reshape } from "./value.ts";

/** Normalisation in evaluation mode. */
export const normalisation: Kernels = {
  BatchNormalization: (inputs, node, run) => {
    const { tf } = run;
    if (intAttribute(node, "training_mode", 0) !== 0) {
      throw cannot(node, "it is in training mode");
    }
    const x = need(inputs, 0, node);
    const channels = x.shape.map((size, axis) => (axis === 1 ? size : 1));
    const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) =>
      reshape(run, need(inputs, index, node).device, channels),
    ) as [typeof x.device, typeof x.device, typeof x.device, typeof x.device];
    const deviation = tf.sqrt(tf.add(variance, floatAttribute(node, "epsilon", 1e-5)));
    const normal = tf.mul(tf.sub(x.device, mean), tf.div(scale, deviation));
    return like(run, x, tf.add(normal, bias));
  },

  LayerNormalization: (inputs, node, run) => {
    const { tf } = run;
    const x = need(inputs, 0, node);
    const axis = axisOf(intAttribute(node, "axis", -1), x.shape.length, node);
    const axes = x.shape.map((_, each) => each).slice(axis);
    const mean = tf.mean(x.device, axes, true);
    const centred = tf.sub(x.device, mean);
    const variance = tf.mean(tf.square(centred), axes, true);
    const inverse = tf.rsqrt(tf.add(variance, floatAttribute(node, "epsilon", 1e-5)));
    const scaled = tf.mul(tf.mul(centred, inverse), need(inputs, 1, node).device);
    const bias = inputs[2]?.device;
    const y = bias === undefined ? scaled : tf.add(scaled, bias);
    return [y, mean, inverse].map((tensor) => like(run, x, tensor));
  },
};
