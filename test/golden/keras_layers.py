"""Goldens for the layers of Keras that are not recurrent: one small model for each family.

    python test/golden/keras_layers.py [NAME ...]

Writes test/unit/golden/keras/layers/ (see keras_goldens.py and README.md).
"""

import sys

import numpy as np
from keras_goldens import CLASSES, N, Cases, keras, main, normal, tf

case = Cases()


def model(K, x, y):
    """A functional model that ends with logits."""
    return K.Model(x, K.layers.Dense(CLASSES, name="logits")(K.layers.Flatten(name="flat")(y)))


# Dense


@case(2, 3, x=normal(4))
def sequential(K):
    L = K.layers
    return K.Sequential([K.Input((4,), name="x"), L.Dense(5, activation="relu"), L.Dropout(0.5), L.Dense(4, use_bias=False), L.Dense(CLASSES)])


@case(2, 3, x=normal(4, 3))
def dense_positions(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    return model(K, x, L.Dense(2, activation="tanh")(L.Dense(5)(x)))


@case(2, 3, x=normal(4, 3))
def einsum_dense(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    h = L.EinsumDense("abc,cd->abd", output_shape=(4, 5), bias_axes="d")(x)
    h = L.EinsumDense("abc,cde->abde", output_shape=(4, 2, 3), bias_axes="de", activation="relu")(h)
    h = L.EinsumDense("abde,def->abf", output_shape=(4, 3), bias_axes="f")(h)
    h = L.EinsumDense("abc,bd->adc", output_shape=(2, 3), bias_axes="d")(h)
    h = L.EinsumDense("...x,xy->...y", output_shape=(4,))(h)
    return model(K, x, h)


# Convolutions


@case(2, 3, x=normal(7, 2))
def conv1d(K):
    L = K.layers
    x = K.Input((7, 2), name="x")
    h = L.Conv1D(3, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    h = L.Conv1D(4, 2, strides=2, padding="same")(h)
    return model(K, x, L.Conv1D(2, 2, use_bias=False)(h))


@case(2, 3, x=normal(7, 6, 2))
def conv2d(K):
    L = K.layers
    x = K.Input((7, 6, 2), name="x")
    h = L.Conv2D(4, (3, 2), padding="same", activation="relu")(x)
    h = L.Conv2D(4, 3, strides=(2, 3), padding="same", groups=1)(h)
    h = L.Conv2D(3, 2, dilation_rate=(2, 1), use_bias=False, activation="tanh")(h)
    return model(K, x, h)


@case(3, x=normal(None or 5, 5, 4))
def conv2d_groups(K):
    L = K.layers
    x = K.Input((5, 5, 4), name="x")
    return model(K, x, L.Conv2D(6, 3, groups=2, activation="relu")(x))


@case(2, 3, x=normal(4, 5, 3, 2))
def conv3d(K):
    L = K.layers
    x = K.Input((4, 5, 3, 2), name="x")
    h = L.Conv3D(3, (2, 3, 1), padding="same", strides=(1, 2, 1))(x)
    return model(K, x, L.Conv3D(2, 2, activation="sigmoid")(h))


@case(2, 3, x=normal(4, 3))
def conv1d_transpose(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    h = L.Conv1DTranspose(3, 3, strides=2, padding="same", activation="relu")(x)
    h = L.Conv1DTranspose(2, 4, strides=2)(h)
    return model(K, x, L.Conv1DTranspose(2, 2, strides=3)(h))


@case(2, 3, x=normal(3, 4, 2))
def conv2d_transpose(K):
    L = K.layers
    x = K.Input((3, 4, 2), name="x")
    h = L.Conv2DTranspose(3, 3, strides=2, padding="same")(x)
    h = L.Conv2DTranspose(2, (2, 3), strides=(1, 2), activation="relu", use_bias=False)(h)
    return model(K, x, L.Conv2D(1, 3, strides=2)(h))


@case(2, 3, x=normal(3, 4, 2))
def conv2d_transpose_output_padding(K):
    L = K.layers
    x = K.Input((3, 4, 2), name="x")
    h = L.Conv2DTranspose(3, 3, strides=2, padding="same", output_padding=1)(x)
    h = L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=0)(h)
    h = L.Conv2DTranspose(2, 2, strides=2, padding="valid", output_padding=1)(h)
    return model(K, x, L.AveragePooling2D(4)(h))


@case(2, 3, x=normal(2, 3, 2, 2))
def conv3d_transpose(K):
    L = K.layers
    x = K.Input((2, 3, 2, 2), name="x")
    return model(K, x, L.Conv3DTranspose(2, (2, 3, 2), strides=(1, 2, 1), padding="same")(x))


@case(2, 3, x=normal(6, 3))
def depthwise1d(K):
    L = K.layers
    x = K.Input((6, 3), name="x")
    h = L.DepthwiseConv1D(3, depth_multiplier=2, padding="same", activation="relu")(x)
    return model(K, x, L.SeparableConv1D(4, 2, depth_multiplier=2, strides=2)(h))


@case(2, 3, x=normal(6, 5, 3))
def depthwise2d(K):
    L = K.layers
    x = K.Input((6, 5, 3), name="x")
    h = L.DepthwiseConv2D((3, 2), depth_multiplier=2, activation="relu")(x)
    h = L.SeparableConv2D(4, 2, padding="same", depth_multiplier=2, activation="tanh")(h)
    return model(K, x, L.DepthwiseConv2D(2, strides=2, padding="same", use_bias=False)(h))


@case(2, 3, x=normal(6, 6, 3))
def cnn(K):
    """What people build: the channels stay where onnx wants them from layer to layer."""
    L = K.layers
    x = K.Input((6, 6, 3), name="x")
    h = L.Conv2D(4, 3, padding="same", use_bias=False)(x)
    h = L.ReLU(6.0)(L.BatchNormalization()(h))
    s = L.DepthwiseConv2D(3, padding="same", use_bias=False)(h)
    s = L.Activation("relu")(L.BatchNormalization(epsilon=1e-5)(s))
    s = L.Conv2D(4, 1)(s)
    h = L.Dropout(0.1)(L.Add()([h, s]))
    h = L.MaxPooling2D()(h)
    h = L.Concatenate()([h, L.Conv2D(2, 1)(h)])
    h = L.GlobalAveragePooling2D()(h)
    return K.Model(x, L.Dense(CLASSES)(h))


# Normalisation


@case(2, 3, x=normal(5, 4))
def batch_normalization(K):
    L = K.layers
    x = K.Input((5, 4), name="x")
    h = L.BatchNormalization(axis=1, scale=False)(L.Dense(3)(x))
    h = L.BatchNormalization(center=False, epsilon=1e-2)(h)
    h = L.BatchNormalization()(L.Flatten()(h))
    return model(K, x, h)


@case(2, 3, x=normal(5, 4, 3))
def layer_normalization(K):
    L = K.layers
    x = K.Input((5, 4, 3), name="x")
    h = L.LayerNormalization()(L.Dense(3)(x))
    h = L.LayerNormalization(axis=[1, 2], epsilon=1e-5, center=False)(h)
    h = L.LayerNormalization(axis=(2, 3), scale=False)(h)
    h = L.LayerNormalization(axis=[1, 3])(h)
    return model(K, x, h)


@case(3, x=normal(5, 4))
def rms_normalization(K):
    L = K.layers
    x = K.Input((5, 4), name="x")
    h = L.RMSNormalization()(L.Dense(3)(x))
    return model(K, x, L.LayerNormalization(rms_scaling=True)(L.RMSNormalization(axis=(1, 2), epsilon=1e-3)(h)))


@case(2, 3, x=normal(4, 3, 4))
def group_normalization(K):
    L = K.layers
    x = K.Input((4, 3, 4), name="x")
    h = L.GroupNormalization(groups=2)(L.Conv2D(4, 2)(x))
    h = L.GroupNormalization(groups=-1, center=False)(h)
    return model(K, x, L.GroupNormalization(groups=1, axis=1, scale=False)(h))


@case(2, 3, x=normal(4, 3))
def unit_normalization(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    return model(K, x, L.UnitNormalization(axis=[1, 2])(L.Dense(3)(L.UnitNormalization()(L.Dense(4)(x)))))


@case(3, x=normal(4, 4, 2))
def spectral_normalization(K):
    L = K.layers
    x = K.Input((4, 4, 2), name="x")
    h = L.SpectralNormalization(L.Conv2D(3, 2, activation="relu"))(x)
    return model(K, x, L.SpectralNormalization(L.Dense(4), power_iterations=2)(h))


# Pooling


@case(2, 3, x=normal(7, 3))
def pooling1d(K):
    L = K.layers
    x = K.Input((7, 3), name="x")
    h = L.AveragePooling1D(3, strides=2, padding="same")(L.Dense(4)(x))
    return model(K, x, L.MaxPooling1D(2, padding="same")(h))


@case(2, 3, x=normal(7, 6, 2))
def pooling2d(K):
    L = K.layers
    x = K.Input((7, 6, 2), name="x")
    h = L.AveragePooling2D((3, 2), strides=(2, 1), padding="same")(L.Dense(3)(x))
    h = L.MaxPooling2D(3, strides=1, padding="same")(h)
    return model(K, x, L.AveragePooling2D(2)(h))


@case(2, 3, double=False, x=normal(4, 5, 3, 2))
def pooling3d(K):
    L = K.layers
    x = K.Input((4, 5, 3, 2), name="x")
    h = L.AveragePooling3D(2, strides=1, padding="same")(L.Dense(2)(x))
    return model(K, x, L.MaxPooling3D((2, 2, 1))(h))


@case(2, 3, x=normal(4, 5, 2))
def global_pooling(K):
    L = K.layers
    x = K.Input((4, 5, 2), name="x")
    h = L.Dense(3)(x)
    line = L.Reshape((20, 3))(h)
    cube = L.Reshape((2, 2, 5, 3))(h)
    parts = [L.GlobalAveragePooling2D()(h), L.GlobalMaxPooling2D()(h), L.GlobalAveragePooling1D()(line), L.GlobalMaxPooling1D()(line)]
    parts += [L.GlobalAveragePooling3D()(cube), L.Flatten()(L.GlobalMaxPooling3D(keepdims=True)(cube))]
    parts += [L.Flatten()(L.GlobalAveragePooling2D(keepdims=True)(h))]
    return model(K, x, L.Concatenate()(parts))


@case(3, x=normal(7, 5, 2))
def adaptive_pooling(K):
    L = K.layers
    x = K.Input((7, 5, 2), name="x")
    h = L.AdaptiveAveragePooling2D((3, 4))(L.Dense(3)(x))
    h = L.AdaptiveMaxPooling2D((2, 3))(h)
    line = L.AdaptiveMaxPooling1D(4)(L.AdaptiveAveragePooling1D(5)(L.Reshape((6, 3))(h)))
    return model(K, x, line)


# Elements moved


@case(2, 3, x=normal(4, 3))
def reshaping(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    h = L.Reshape((-1, 2, 3))(L.Dense(3)(x))
    h = L.Permute((3, 1, 2))(h)
    h = L.Dense(3)(L.Flatten()(h))
    return model(K, x, L.RepeatVector(3)(h))


@case(2, 3, x=normal(4, 5, 2))
def padding_and_cropping(K):
    L = K.layers
    x = K.Input((4, 5, 2), name="x")
    h = L.ZeroPadding2D(((1, 0), (2, 1)))(L.Dense(3)(x))
    h = L.Cropping2D(((0, 1), (1, 0)))(L.ZeroPadding2D((0, 1))(h))
    h = L.Dense(3)(L.Reshape((-1, 3))(h))
    h = L.Cropping1D((3, 1))(L.ZeroPadding1D(2)(h))
    h = L.ZeroPadding1D((0, 2))(h)
    h = L.Cropping3D((0, (0, 1), 1))(L.ZeroPadding3D((1, 0, 2))(L.Reshape((1, -1, 2, 3))(h)))
    return model(K, x, L.Dense(2)(h))


@case(2, 3, x=normal(3, 4, 2))
def up_sampling(K):
    L = K.layers
    x = K.Input((3, 4, 2), name="x")
    h = L.UpSampling2D((2, 3))(L.Dense(2)(x))
    h = L.UpSampling2D(2, interpolation="bilinear")(L.Conv2D(2, 3, strides=3)(h))
    h = L.UpSampling1D(2)(L.Reshape((-1, 2))(h))
    return model(K, x, L.UpSampling3D((1, 2, 1))(L.Reshape((2, 2, -1, 2))(h)))


@case(2, 3, x=normal(5, 4, 2))
def resizing(K):
    L = K.layers
    x = K.Input((5, 4, 2), name="x")
    h = L.Resizing(7, 6)(L.Dense(3)(x))
    h = L.Resizing(4, 5, interpolation="nearest")(h)
    h = L.Resizing(5, 3, crop_to_aspect_ratio=True)(h)
    h = L.Resizing(7, 4, interpolation="bicubic")(h)
    return model(K, x, h)


@case(2, 3, x=normal(6, 7, 2))
def center_crop(K):
    L = K.layers
    x = K.Input((6, 7, 2), name="x")
    h = L.CenterCrop(4, 4)(L.Dense(3)(x))
    return model(K, x, L.CenterCrop(5, 3)(h))


@case(2, 3, x=normal(4, 3))
def numbers(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    h = L.Normalization()(L.Rescaling(0.5, offset=-1.0)(x))
    h = L.Normalization(axis=1)(L.Dense(3)(h))
    h = L.Normalization(axis=None)(h)
    h = L.Normalization(mean=[0.5, 1.0, 2.0], variance=[1.0, 2.0, 0.5])(h)
    return model(K, x, L.Normalization(mean=0.5, variance=2.0, axis=None, invert=True)(h))


# Merging


@case(2, 3, x=normal(4, 3), y=normal(4, 3), z=normal(3))
def merging(K):
    L = K.layers
    x, y, z = K.Input((4, 3), name="x"), K.Input((4, 3), name="y"), K.Input((3,), name="z")
    dense = L.Dense(3)
    a, b, c = dense(x), dense(y), L.Dense(3)(z)
    parts = [L.Add()([a, b, x]), L.Subtract()([a, b]), L.Multiply()([a, b, y]), L.Average()([a, b, x])]
    parts += [L.Maximum()([a, b]), L.Minimum()([a, b]), L.Multiply()([a, c])]
    h = L.Concatenate(axis=1)([L.Concatenate()(parts[:3]), L.Concatenate()(parts[3:6])])
    return K.Model([x, y, z], L.Dense(CLASSES)(L.Concatenate()([L.Flatten()(h), L.Flatten()(parts[6])])))


@case(2, 3, x=normal(4, 3), y=normal(5, 3))
def dot(K):
    L = K.layers
    x, y = K.Input((4, 3), name="x"), K.Input((5, 3), name="y")
    a, b = L.Dense(3)(x), L.Dense(3)(y)
    both = L.Dot(axes=(2, 2))([a, b])
    alike = L.Dot(axes=-1, normalize=True)([a, b])
    back = L.Dot(axes=(1, 1))([both, a])
    rows = L.Dot(axes=1)([L.Flatten()(back), L.Flatten()(L.Dense(3)(b))])
    line = L.Dot(axes=(1, 2))([L.GlobalAveragePooling1D()(a), b])
    parts = [L.Flatten()(alike), L.Flatten()(back), rows, line]
    return K.Model([x, y], L.Dense(CLASSES)(L.Concatenate()(parts)))


# Activations

SHARED = ["linear", "relu", "leaky_relu", "elu", "selu", "gelu", "swish", "tanh", "sigmoid", "hard_sigmoid", "softplus", "softsign", "exponential", "mish", "softmax"]
NEW = ["relu6", "celu", "silu", "hard_silu", "hard_swish", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink", "log_sigmoid", "squareplus", "sparse_sigmoid", "log_softmax"]


def activations(names):
    def build(K):
        L = K.layers
        x = K.Input((6,), name="x")
        h = L.Dense(6)(x)
        return model(K, x, L.Concatenate()([L.Activation(name)(h) for name in names]))

    return build


for function, names, versions in (
    ("activations", SHARED, (2, 3)),
    ("activations_of_keras_3", NEW, (3,)),
):
    build = activations(names)
    build.__name__ = function
    case(*versions, x=normal(6))(build)


@case(2, 3, x=normal(4, 3))
def activation_layers(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    h = L.Dense(3)(x)
    parts = [L.ReLU()(h), L.ReLU(max_value=0.5)(h), L.ReLU(negative_slope=0.1)(h), L.ReLU(threshold=0.2)(h)]
    parts += [L.ReLU(max_value=0.8, negative_slope=0.3, threshold=0.1)(h), L.LeakyReLU()(h), L.ELU(0.7)(h)]
    parts += [L.PReLU()(h), L.PReLU(shared_axes=[1])(h), L.Softmax()(h), L.Softmax(axis=1)(h)]
    parts += [L.Dense(3, activation=L.LeakyReLU())(h)]
    return model(K, x, L.Concatenate()(parts))


@case(2, x=normal(6))
def activation_layers_of_keras_2(K):
    L = K.layers
    x = K.Input((6,), name="x")
    h = L.Dense(6)(x)
    return model(K, x, L.Concatenate()([L.ThresholdedReLU(0.3)(h), L.LeakyReLU(alpha=0.1)(h)]))


# Layers that do nothing once training is over


@case(2, 3, x=normal(5, 6, 2))
def training_only(K):
    L = K.layers
    x = K.Input((5, 6, 2), name="x")
    h = L.SpatialDropout2D(0.3)(L.GaussianNoise(0.5)(L.Conv2D(3, 2)(x)))
    h = L.AlphaDropout(0.1)(L.GaussianDropout(0.2)(L.Dropout(0.2)(h)))
    h = L.ActivityRegularization(0.1)(L.Identity()(h)) if K is keras else L.ActivityRegularization(0.1)(h)
    h = L.RandomFlip()(h)
    if K is keras:
        h = L.RandomRotation(0.2)(h)
    h = L.RandomContrast(0.1)(L.RandomZoom(0.1)(L.RandomTranslation(0.1, 0.1)(h)))
    return model(K, x, L.SpatialDropout1D(0.1)(L.Reshape((-1, 3))(h)))


# Networks


@case(2, 3, x=normal(4), y=normal(4))
def nested(K):
    L = K.layers
    x, y = K.Input((4,), name="x"), K.Input((4,), name="y")
    tower = K.Sequential([K.Input((4,)), L.Dense(3, activation="relu"), L.Dense(3)], name="tower")
    late = K.Sequential([L.Dense(3, activation="tanh"), L.Dense(2)], name="late")
    i, j = K.Input((3,)), K.Input((3,))
    pair = K.Model([i, j], [L.Dense(2)(L.Add()([i, j])), L.Dense(2)(i)], name="pair")
    inner = K.Input((2,))
    deep = K.Model(inner, K.Sequential([K.Input((2,)), L.Dense(2)], name="inside")(inner), name="deep")
    a, b = tower(x), tower(y)
    p, q = pair([a, b])
    r, s = pair([b, a])
    return K.Model([x, y], L.Dense(CLASSES)(L.Concatenate()([deep(p), q, r, deep(s), late(a)])))


@case(2, 3, x=normal(4))
def shared_at_depths(K):
    """A(B(A(B(x)))): calls of shared layers wait for each other."""
    L = K.layers
    x = K.Input((4,), name="x")
    a, b = L.Dense(4, activation="tanh", name="a"), L.Dense(4, name="b")
    return K.Model(x, L.Dense(CLASSES)(a(b(a(b(x))))))


@case(2, 3, x=normal(4, 4, 2))
def frozen(K):
    L = K.layers
    x = K.Input((4, 4, 2), name="x")
    base = K.Sequential([K.Input((4, 4, 2)), L.Conv2D(3, 2), L.BatchNormalization()], name="base")
    base.trainable = False
    kept = L.Dense(3, trainable=False)
    return model(K, x, L.Dense(2)(kept(base(x))))


@case(2, 3, x=normal(2, 5, 4))
def channels_first_reshapes(K):
    """The layers whose channels-first form runs on a CPU."""
    L = K.layers
    x = K.Input((2, 5, 4), name="x")
    h = L.ZeroPadding2D(1, data_format="channels_first")(x)
    h = L.Cropping2D((1, 0), data_format="channels_first")(h)
    h = L.UpSampling2D(2, data_format="channels_first")(h)
    h = L.BatchNormalization(axis=1)(h)
    h = L.Flatten(data_format="channels_first")(h)
    return K.Model(x, L.Dense(CLASSES)(h))


# Operations on tensors


@case(3, x=normal(4, 3))
def operations(K):
    L, o = K.layers, K.ops
    x = K.Input((4, 3), name="x")
    h = L.Dense(3)(x)
    a = o.transpose(h, (0, 2, 1))[:, 1:, ::2]
    b = o.mean(h, axis=1, keepdims=True) * 2.0 - h / 3 + 1
    c = o.matmul(h, o.transpose(h, (0, 2, 1)))
    d = o.where(h > 0.1, h, 0.0) + o.relu(-h) ** 2
    e = o.concatenate([o.sqrt(o.abs(h) + 1), o.exp(-h)], axis=-1)
    f = o.stack([o.sum(h, axis=2), o.max(h, axis=-1)], axis=1)
    g = o.reshape(o.softmax(h, axis=1), (-1, 12))
    i = o.add(np.array([1.0, 2.0, 3.0], "float32"), h)[:, 0] * o.sigmoid(h[:, -1])
    j = o.squeeze(o.expand_dims(h[..., 0], 1), 1)
    k = o.maximum(h, 0.2) * o.minimum(h, o.tanh(h)) - o.square(1 - h)
    p, q, r = o.split(h, 3, axis=-1)
    parts = [a, b, c, d, e, f, k, p * q + r, o.clip(h, -0.5, 0.5), o.log(o.square(h) + 1), o.silu(h), o.gelu(h), o.leaky_relu(h)]
    flat = [L.Flatten()(part) for part in parts]
    return K.Model(x, L.Dense(CLASSES)(L.Concatenate()([*flat, g, i, j])))


@case(2, x=normal(4, 3))
def operations_of_tensorflow(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    h = L.Dense(3)(x)
    a = tf.transpose(h, (0, 2, 1))[:, 1:, ::2]
    b = tf.reduce_mean(h, axis=1, keepdims=True) * 2.0 - h / 3 + 1
    c = tf.matmul(h, h, transpose_b=True)
    d = tf.where(h > 0.1, h, 0.0) + tf.nn.relu(-h) ** 2
    e = tf.concat([tf.sqrt(tf.abs(h) + 1), tf.exp(-h)], axis=-1)
    f = tf.stack([tf.reduce_sum(h, axis=2), tf.reduce_max(h, axis=-1)], axis=1)
    g = tf.reshape(tf.nn.softmax(h), (-1, 12))
    i = (1 + h)[:, 0] * tf.sigmoid(h[:, -1])
    j = tf.squeeze(tf.expand_dims(h[..., 0], 1), 1)
    k = tf.maximum(h, 0.2) * tf.minimum(h, tf.tanh(h)) - tf.square(1 - h)
    p, q, r = tf.split(h, 3, axis=-1)
    parts = [a, b, c, d, e, f, k, p * q + r, tf.clip_by_value(h, -0.5, 0.5), tf.math.log(tf.square(h) + 1), tf.nn.leaky_relu(h), tf.math.l2_normalize(h, axis=-1)]
    flat = [L.Flatten()(part) for part in parts]
    return K.Model(x, L.Dense(CLASSES)(L.Concatenate()([*flat, g, i, j])))


if __name__ == "__main__":
    main(case, "layers", sys.argv[1:])
