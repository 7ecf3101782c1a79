"""Small models of every family that people build with Keras, for Keras 3 and for Keras 2 (tf_keras)."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np

TRAIN, QUERIES, CLASSES = 12, 4, 3
N = TRAIN + QUERIES
# Of each epoch.
RATES = (0.125, 0.0625, 0.03125)
# Recurrent layers and attention multiply rounding along their steps.
LONG = 1e-4


@dataclass(frozen=True, eq=False)
class Family:
    name: str
    # (keras or tf_keras) -> model
    build: Callable
    # (keras or tf_keras) -> what `compile` takes
    loss: Callable
    # By input: rng -> [N, ...]
    inputs: dict[str, Callable]
    # (rng, inputs) -> [N, ...]
    target: Callable
    tolerance: float = 2e-5
    rates: tuple[float, ...] = RATES


FAMILIES: list[Family] = []


def family(name, loss, target, tolerance=2e-5, rates=RATES, **inputs):
    def add(build):
        made = loss if callable(loss) else lambda _: loss
        FAMILIES.append(Family(name, build, made, inputs, target, tolerance, rates))
        return build

    return add


def normal(*shape):
    return lambda rng: rng.normal(size=(N, *shape)).astype("float32")


def bytes_of(*shape):
    return lambda rng: rng.integers(0, 256, size=(N, *shape)).astype("float32")


def ids(length, vocabulary=9):
    """Token ids; 0 is padding, before the tokens as pad_sequences puts it."""

    def draw(rng):
        tokens = rng.integers(1, vocabulary, size=(N, length)).astype("int32")
        for row in range(N):
            tokens[row, : row % (length - 1)] = 0
        return tokens

    return draw


def labels(*shape, classes=CLASSES):
    return lambda rng, _: rng.integers(0, classes, size=(N, *shape)).astype("int64")


def flags(*shape):
    return lambda rng, _: rng.integers(0, 2, size=(N, *shape)).astype("float32")


def numbers(*shape):
    return lambda rng, _: rng.normal(size=(N, *shape)).astype("float32")


SPARSE = "sparse_categorical_crossentropy"


@family("MLP with dropout, softmax", SPARSE, labels(), x=normal(5))
def mlp(K):
    L = K.layers
    return K.Sequential([K.Input((5,), name="x"), L.Dense(6, "relu"), L.Dropout(0.3), L.Dense(5, "tanh"), L.Dense(CLASSES, "softmax")])


@family(
    "MLP, label smoothing from logits",
    lambda K: K.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
    lambda rng, _: np.eye(CLASSES, dtype="float32")[rng.integers(0, CLASSES, N)],
    x=normal(5),
)
def mlp_logits(K):
    L = K.layers
    return K.Sequential([K.Input((5,), name="x"), L.Dense(6, "gelu"), L.Dense(CLASSES)])


@family("MLP, one sigmoid", "binary_crossentropy", flags(1), x=normal(5))
def binary(K):
    L = K.layers
    return K.Sequential([K.Input((5,), name="x"), L.Dense(4, "elu"), L.Dense(1, "sigmoid")])


@family("MLP, several labels", lambda K: K.losses.BinaryCrossentropy(from_logits=True), flags(3), x=normal(5))
def several_labels(K):
    L = K.layers
    return K.Sequential([K.Input((5,), name="x"), L.Dense(4, "swish"), L.LayerNormalization(), L.Dense(3)])


@family("MLP, regression (MSE), adapted Normalization", "mse", numbers(2), x=normal(5))
def regression(K):
    L = K.layers
    return K.Sequential([K.Input((5,), name="x"), L.Normalization(name="adapted"), L.Dense(6, "softplus"), L.Dense(2)])


@family("MLP, regression (MAE)", "mae", numbers(2), x=normal(5))
def absolute(K):
    L = K.layers
    return K.Sequential([K.Input((5,), name="x"), L.Dense(6, "selu"), L.Dense(2)])


@family("MLP, regression (Huber)", "huber", numbers(2), x=normal(5))
def huber(K):
    L = K.layers
    return K.Sequential([K.Input((5,), name="x"), L.Dense(6, "relu"), L.Dense(2)])


@family("MLP, PReLU, noise, other normalisations", SPARSE, labels(), x=normal(6))
def other_layers(K):
    L = K.layers
    x = K.Input((6,), name="x")
    h = L.PReLU()(L.Dense(8)(L.GaussianNoise(0.1)(x)))
    h = L.GroupNormalization(groups=2)(L.GaussianDropout(0.1)(h))
    h = L.LeakyReLU()(L.UnitNormalization()(L.Dense(6)(h)))
    h = L.ActivityRegularization(0.01)(L.AlphaDropout(0.1)(L.ELU()(h)))
    return K.Model(x, L.Softmax()(L.Dense(CLASSES)(h)))


@family("CNN: Rescaling, Conv2D, batch norm, pooling", SPARSE, labels(), x=bytes_of(8, 8, 3))
def cnn(K):
    L = K.layers
    x = K.Input((8, 8, 3), name="x")
    h = L.Conv2D(4, 3, use_bias=False)(L.Rescaling(1 / 255)(x))
    h = L.MaxPooling2D()(L.ReLU()(L.BatchNormalization()(h)))
    h = L.Conv2D(5, 2, strides=2, padding="same", activation="relu")(h)
    h = L.Flatten()(L.AveragePooling2D(2)(h))
    return K.Model(x, L.Dense(CLASSES, "softmax")(h))


@family("CNN: depthwise and separable, residual", SPARSE, labels(), x=normal(6, 6, 3))
def mobile(K):
    L = K.layers
    x = K.Input((6, 6, 3), name="x")
    h = L.ReLU(6.0)(L.BatchNormalization()(L.SeparableConv2D(4, 3, padding="same", depth_multiplier=2)(x)))
    s = L.ReLU(6.0)(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same", use_bias=False)(h)))
    h = L.Add()([h, L.SpatialDropout2D(0.2)(L.Conv2D(4, 1)(s))])
    return K.Model(x, L.Dense(CLASSES, "softmax")(L.GlobalAveragePooling2D()(h)))


@family("CNN over time: Conv1D, causal, dilated", "binary_crossentropy", flags(1), x=normal(9, 3))
def conv1d(K):
    L = K.layers
    x = K.Input((9, 3), name="x")
    h = L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    h = L.MaxPooling1D(2)(L.SeparableConv1D(4, 2)(L.ZeroPadding1D(1)(L.Cropping1D(1)(h))))
    return K.Model(x, L.Dense(1, "sigmoid")(L.GlobalMaxPooling1D()(h)))


@family("U-Net, a label at each pixel", SPARSE, labels(8, 8), x=normal(8, 8, 2))
def unet(K):
    L = K.layers
    x = K.Input((8, 8, 2), name="x")
    top = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    h = L.Conv2D(6, 3, padding="same", activation="relu")(L.MaxPooling2D()(top))
    h = L.Concatenate()([L.Conv2DTranspose(4, 3, strides=2, padding="same")(h), top, L.UpSampling2D()(h)])
    return K.Model(x, L.Conv2D(CLASSES, 1, activation="softmax")(L.Cropping2D(1)(L.ZeroPadding2D(1)(h))))


@family("segmentation, a sigmoid at each pixel", "binary_crossentropy", flags(6, 6, 1), x=normal(6, 6, 2))
def masks(K):
    L = K.layers
    x = K.Input((6, 6, 2), name="x")
    h = L.Conv2DTranspose(3, 2, strides=2, activation="relu")(L.Conv2D(4, 2, strides=2, activation="relu")(x))
    return K.Model(x, L.Conv2D(1, 3, padding="same", activation="sigmoid")(h))


@family("autoencoder (MSE)", "mse", lambda _, inputs: inputs["x"], x=normal(6, 4))
def autoencoder(K):
    L = K.layers
    x = K.Input((6, 4), name="x")
    code = L.Dense(3, "tanh")(L.Flatten()(L.Permute((2, 1))(x)))
    h = L.Dense(4)(L.TimeDistributed(L.Dense(5, "relu"))(L.RepeatVector(6)(code)))
    return K.Model(x, L.Reshape((6, 4))(h))


@family("SimpleRNN over numbers", "mse", numbers(1), LONG, x=normal(6, 3))
def simple_rnn(K):
    L = K.layers
    x = K.Input((None, 3), name="x")
    return K.Model(x, L.Dense(1)(L.SimpleRNN(4)(L.SimpleRNN(4, return_sequences=True)(L.Masking()(x)))))


@family("LSTM text classifier, mask_zero", SPARSE, labels(), LONG, ids=ids(7))
def lstm(K):
    L = K.layers
    x = K.Input((7,), name="ids", dtype="int32")
    h = L.LSTM(5, dropout=0.2)(L.SpatialDropout1D(0.2)(L.Embedding(9, 4, mask_zero=True)(x)))
    return K.Model(x, L.Dense(CLASSES, "softmax")(h))


@family("Bidirectional GRU text classifier, mask_zero", "binary_crossentropy", flags(1), LONG, ids=ids(6))
def gru(K):
    L = K.layers
    x = K.Input((None,), name="ids", dtype="int32")
    h = L.Bidirectional(L.GRU(3, return_sequences=True))(L.Embedding(9, 4, mask_zero=True)(x))
    return K.Model(x, L.Dense(1, "sigmoid")(L.Bidirectional(L.GRU(3), merge_mode="sum")(h)))


@family("Bidirectional LSTM tagger, a label at each token", SPARSE, labels(6), LONG, ids=ids(6))
def tagger(K):
    L = K.layers
    x = K.Input((6,), name="ids", dtype="int32")
    h = L.Bidirectional(L.LSTM(3, return_sequences=True))(L.Embedding(9, 4)(x))
    return K.Model(x, L.TimeDistributed(L.Dense(CLASSES, "softmax"))(h))


@family("LSTM tagger, mask_zero up to the output", SPARSE, labels(6), LONG, ids=ids(6))
def tagger_with_mask(K):
    L = K.layers
    x = K.Input((6,), name="ids", dtype="int32")
    h = L.LSTM(4, return_sequences=True)(L.Embedding(9, 4, mask_zero=True)(x))
    return K.Model(x, L.Dense(CLASSES, "softmax")(h))


@family("ConvLSTM2D", SPARSE, labels(), LONG, x=normal(3, 5, 5, 2))
def conv_lstm(K):
    L = K.layers
    x = K.Input((3, 5, 5, 2), name="x")
    h = L.ConvLSTM2D(3, 2)(x)
    return K.Model(x, L.Dense(CLASSES, "softmax")(L.GlobalMaxPooling2D()(h)))


@family("embedding, mean of tokens", SPARSE, labels(), ids=ids(8))
def mean_of_tokens(K):
    L = K.layers
    x = K.Input((8,), name="ids", dtype="int32")
    h = L.GlobalAveragePooling1D()(L.Embedding(9, 4, mask_zero=True)(x))
    return K.Model(x, L.Dense(CLASSES, "softmax")(L.Dense(5, "relu")(h)))


@family("transformer encoder", SPARSE, labels(), LONG, ids=ids(6), places=lambda _: np.tile(np.arange(6, dtype="int32"), (N, 1)))
def transformer(K):
    L = K.layers
    x, places = K.Input((6,), name="ids", dtype="int32"), K.Input((6,), name="places", dtype="int32")
    h = L.Add()([L.Embedding(9, 8, mask_zero=True)(x), L.Embedding(6, 8)(places)])
    attended = L.MultiHeadAttention(2, 4, dropout=0.1)(h, h)
    h = L.LayerNormalization(epsilon=1e-6)(L.Add()([h, attended]))
    h = L.LayerNormalization(epsilon=1e-6)(L.Add()([h, L.Dense(8)(L.Dense(12, "gelu")(h))]))
    return K.Model([x, places], L.Dense(CLASSES, "softmax")(L.GlobalAveragePooling1D()(h)))


@family("functional: merge layers, nested and shared models", SPARSE, labels(), x=normal(5), y=normal(5))
def functional(K):
    L = K.layers
    x, y = K.Input((5,), name="x"), K.Input((5,), name="y")
    tower = K.Sequential([K.Input((5,)), L.Dense(4, "relu"), L.BatchNormalization(), L.Dense(4)], name="tower")
    a, b = tower(x), tower(y)
    parts = [L.Multiply()([a, b]), L.Subtract()([a, b]), L.Maximum()([a, b]), L.Average()([a, b]), L.Dot(1)([a, b])]
    return K.Model([x, y], L.Dense(CLASSES, "softmax")(L.Concatenate()(parts)))


def of_applications(K, module, name):
    """What a module of keras.applications has beside its models."""
    return getattr(import_module(f"{K.__name__}.src.applications.{module}"), name)


@family("Inception-ResNet block", SPARSE, labels(), x=normal(5, 5, 3))
def inception_resnet(K):
    L = K.layers
    x = K.Input((5, 5, 3), name="x")
    h = L.Conv2D(4, 3, padding="same")(x)
    h = of_applications(K, "inception_resnet_v2", "CustomScaleLayer")(0.17)([h, L.Conv2D(4, 1)(L.ReLU()(h))])
    return K.Model(x, L.Dense(CLASSES, "softmax")(L.GlobalMaxPooling2D()(h)))


@family("keras.applications: ConvNeXt of four blocks", SPARSE, labels(), x=bytes_of(32, 32, 3))
def convnext(K):
    build = of_applications(K, "convnext", "ConvNeXt")
    sizes = dict(depths=[1, 1, 1, 1], projection_dims=[4, 6, 8, 10], drop_path_rate=0.1)
    return build(**sizes, weights=None, input_tensor=K.Input((32, 32, 3), name="x"), classes=CLASSES)


def application(name, **options):
    """A model of keras.applications with other weights than the published ones. Its moving averages follow the few batches of the training, and
    the rates are small: otherwise evaluation mode multiplies activations and rounding from layer to layer."""

    def build(K):
        image = K.Input((32, 32, 3), name="x")
        model = getattr(K.applications, name)(weights=None, input_tensor=image, classes=CLASSES, **options)
        for layer in model.layers:
            if isinstance(layer, K.layers.BatchNormalization):
                layer.momentum = 0.8
        return model

    build.__name__ = name
    family(f"keras.applications: {name}", SPARSE, labels(), rates=tuple(rate / 10 for rate in RATES), x=normal(32, 32, 3))(build)


application("MobileNetV2", alpha=0.35)
application("MobileNetV3Small")
