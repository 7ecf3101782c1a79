"""Goldens for compiled losses: Keras' own loss of each example alone, and its gradients, in double precision.

    python test/golden/keras_losses.py

Writes test/unit/golden/keras/losses.json (see README.md).
"""

import json
import sys

import numpy as np
from keras_goldens import GOLDEN, QUERIES, TRAIN, N, drawn, filled, keras, set_floatx, tf, tf_keras

CASES = {}


def case(*versions):
    def add(function):
        for version in versions:
            CASES[f"{function.__name__}_k{version}"] = (function, version)
        return function

    return add


def classes(rng):
    return rng.integers(0, 3, size=N)


def one_hot(rng):
    return np.eye(3)[classes(rng)]


def labels(rng):
    return rng.integers(0, 2, size=(N, 3)).astype("float64")


def one_flag(rng):
    return rng.integers(0, 2, size=(N, 1)).astype("float64")


def numbers(rng):
    return rng.normal(size=(N, 3))


def head(K, activation=None, units=3):
    L = K.layers
    return K.Sequential([K.Input((4,), name="x"), L.Dense(3, activation="tanh"), L.Dense(units, activation=activation, name="y")])


@case(2, 3)
def softmax(K):
    return head(K, "softmax"), "sparse_categorical_crossentropy", classes


@case(2, 3)
def logits_smoothed(K):
    return head(K), K.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), one_hot


@case(2, 3)
def probabilities_without_softmax(K):
    return head(K, "softplus"), "categorical_crossentropy", one_hot


@case(2, 3)
def softmax_taken_for_logits(K):
    L = K.layers
    model = K.Sequential([K.Input((4,), name="x"), L.Dense(3), L.Softmax(), L.Reshape((3,), name="y")])
    return model, K.losses.SparseCategoricalCrossentropy(from_logits=True), classes


@case(2, 3)
def softmax_with_logits_told(K):
    return head(K, "softmax"), K.losses.SparseCategoricalCrossentropy(from_logits=True), classes


@case(2, 3)
def binary_probabilities_moved(K):
    L = K.layers
    model = K.Sequential([K.Input((4,), name="x"), L.Dense(3, activation="softmax"), L.Reshape((3,), name="y")])
    return model, "binary_crossentropy", labels


@case(2, 3)
def sigmoid(K):
    return head(K, "sigmoid"), K.losses.BinaryCrossentropy(label_smoothing=0.2), labels


@case(2, 3)
def sigmoid_of_one(K):
    return head(K, "sigmoid", 1), "binary_crossentropy", one_flag


@case(2, 3)
def softmax_with_binary(K):
    return head(K, "softmax"), ["binary_crossentropy"], labels


@case(2, 3)
def squared(K):
    return head(K), "mse", numbers


@case(2, 3)
def squared_sum(K):
    return head(K), K.losses.MeanSquaredError(reduction="sum"), numbers


@case(2, 3)
def absolute(K):
    return head(K), {"y": "mean_absolute_error"}, numbers


@case(2)
def huber(K):
    return head(K), K.losses.Huber(delta=0.7), numbers


@case(3)
def huber_by_name(K):
    return head(K), "huber", numbers


def positions(K, activation=None):
    L = K.layers
    return K.Sequential([K.Input((4, 2), name="x"), L.Dense(3, activation="tanh"), L.Dense(3, activation=activation, name="y")])


def tokens(rng):
    return rng.integers(0, 3, size=(N, 4))


@case(2, 3)
def each_position(K):
    return positions(K, "softmax"), "sparse_categorical_crossentropy", tokens


@case(2, 3)
def positions_summed(K):
    return positions(K), K.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"), tokens


def numbers_at_positions(rng):
    return rng.normal(size=(N, 4, 3))


def flags_at_positions(rng):
    return rng.integers(0, 2, size=(N, 4, 3)).astype("float64")


@case(2, 3)
def positions_squared_summed(K):
    return positions(K), K.losses.MeanSquaredError(reduction="sum"), numbers_at_positions


@case(2, 3)
def positions_absolute_summed(K):
    return positions(K), K.losses.MeanAbsoluteError(reduction="sum"), numbers_at_positions


@case(2, 3)
def positions_sigmoid_summed(K):
    return positions(K, "sigmoid"), K.losses.BinaryCrossentropy(reduction="sum"), flags_at_positions


@case(3)
def positions_ignored(K):
    return positions(K), K.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1), tokens


def tagger(K, units=3, activation=None):
    """A sequence of numbers whose mask reaches the output; steps of zeros are padding."""
    L = K.layers
    x = K.Input((4, 2), name="x")
    h = L.LSTM(3, return_sequences=True)(L.Masking()(x))
    return K.Model(x, L.Dense(units, activation=activation, name="y")(h))


def padded(rng):
    """From no padding to three steps of it, at either end."""
    x = rng.normal(size=(N, 4, 2))
    for row in range(N):
        count = row % 4
        x[row, slice(0, count) if row % 2 else slice(4 - count, 4)] = 0
    return x


def pairs_of_numbers(rng):
    return rng.normal(size=(N, 4, 2))


def pairs_of_flags(rng):
    return rng.integers(0, 2, size=(N, 4, 2)).astype("float64")


INPUTS = {}


def masked(function):
    INPUTS[function.__name__] = padded
    return function


@case(2, 3)
@masked
def masked_softmax(K):
    return tagger(K, 3, "softmax"), K.losses.SparseCategoricalCrossentropy(), tokens


@case(2, 3)
@masked
def masked_softmax_summed(K):
    return tagger(K), K.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"), tokens


@case(2, 3)
@masked
def masked_softmax_with_binary(K):
    return tagger(K, 2, "softmax"), K.losses.BinaryCrossentropy(), pairs_of_flags


@case(3)
@masked
def masked_and_ignored(K):
    return tagger(K), K.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1), tokens


@case(2, 3)
@masked
def masked_sigmoid(K):
    return tagger(K, 2, "sigmoid"), K.losses.BinaryCrossentropy(), pairs_of_flags


@case(2, 3)
@masked
def masked_squared(K):
    return tagger(K, 2), K.losses.MeanSquaredError(), pairs_of_numbers


@case(2, 3)
@masked
def masked_squared_summed(K):
    return tagger(K, 2), K.losses.MeanSquaredError(reduction="sum"), pairs_of_numbers


@case(2, 3)
@masked
def masked_sigmoid_summed(K):
    return tagger(K, 2, "sigmoid"), K.losses.BinaryCrossentropy(reduction="sum"), pairs_of_flags


@case(2, 3)
def positions_squared_without_reduction(K):
    return positions(K), K.losses.MeanSquaredError(reduction="none"), numbers_at_positions


@case(2, 3)
def positions_softmax_without_reduction(K):
    return positions(K, "softmax"), K.losses.SparseCategoricalCrossentropy(reduction="none"), tokens


@case(3)
@masked
def masked_squared_without_reduction(K):
    return tagger(K, 2), K.losses.MeanSquaredError(reduction=None), pairs_of_numbers


@case(3)
@masked
def masked_squared_weighted_mean(K):
    return tagger(K, 2), K.losses.MeanSquaredError(reduction="mean_with_sample_weight"), pairs_of_numbers


@case(3)
@masked
def masked_softmax_mean(K):
    return tagger(K), K.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean"), tokens


@case(2, 3)
def hinge(K):
    return head(K, "tanh"), "hinge", labels


@case(2, 3)
def hinge_of_one_sigmoid(K):
    return head(K, "sigmoid", 1), K.losses.Hinge(), one_flag


@case(2, 3)
def positions_squared_hinge_summed(K):
    return positions(K), K.losses.SquaredHinge(reduction="sum"), flags_at_positions


@case(2, 3)
@masked
def masked_squared_hinge(K):
    return tagger(K, 2), K.losses.SquaredHinge(), pairs_of_flags


@case(2, 3)
def categorical_hinge(K):
    return head(K), "categorical_hinge", one_hot


@case(2, 3)
def categorical_hinge_of_softmax(K):
    return head(K, "softmax"), K.losses.CategoricalHinge(), one_hot


@case(2, 3)
def categorical_hinge_with_ties(K):
    """Scores that are 0 share the gradient of the maximum."""
    return head(K, "relu", 3), K.losses.CategoricalHinge(), one_hot


def one_hot_at_positions(rng):
    return np.eye(3)[tokens(rng)]


@case(2, 3)
def positions_categorical_hinge_summed(K):
    return positions(K), K.losses.CategoricalHinge(reduction="sum"), one_hot_at_positions


@case(2, 3)
@masked
def masked_categorical_hinge(K):
    return tagger(K), K.losses.CategoricalHinge(), one_hot_at_positions


@case(2, 3)
def categorical_focal(K):
    return head(K, "softmax"), "categorical_focal_crossentropy", one_hot


@case(2, 3)
def categorical_focal_smoothed(K):
    loss = K.losses.CategoricalFocalCrossentropy(alpha=[0.2, 0.5, 0.9], gamma=0.5, from_logits=True, label_smoothing=0.1)
    return head(K), loss, one_hot


@case(2, 3)
def categorical_focal_of_probabilities(K):
    return head(K, "softplus"), K.losses.CategoricalFocalCrossentropy(gamma=3.0), one_hot


@case(2, 3)
def positions_categorical_focal_summed(K):
    return positions(K, "softmax"), K.losses.CategoricalFocalCrossentropy(gamma=1.0, reduction="sum"), one_hot_at_positions


@case(2, 3)
@masked
def masked_categorical_focal(K):
    return tagger(K, 3, "softmax"), K.losses.CategoricalFocalCrossentropy(), one_hot_at_positions


@case(2, 3)
def binary_focal(K):
    return head(K, "sigmoid"), "binary_focal_crossentropy", labels


@case(2, 3)
def binary_focal_balanced(K):
    loss = K.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3, gamma=1.5, from_logits=True, label_smoothing=0.2)
    return head(K), loss, labels


@case(2, 3)
def binary_focal_of_probabilities(K):
    L = K.layers
    model = K.Sequential([K.Input((4,), name="x"), L.Dense(3, activation="softmax"), L.Reshape((3,), name="y")])
    return model, K.losses.BinaryFocalCrossentropy(gamma=0.7), labels


@case(2, 3)
@masked
def masked_binary_focal_summed(K):
    loss = K.losses.BinaryFocalCrossentropy(apply_class_balancing=True, reduction="sum")
    return tagger(K, 2, "sigmoid"), loss, pairs_of_flags


def counts(rng):
    return rng.poisson(2.0, size=(N, 3)).astype("float64")


@case(2, 3)
def poisson(K):
    return head(K, "softplus"), "poisson", counts


@case(2, 3)
@masked
def masked_poisson_summed(K):
    return tagger(K, 2, "exponential"), K.losses.Poisson(reduction="sum"), lambda rng: rng.poisson(2.0, size=(N, 4, 2)).astype("float64")


@case(2, 3)
def log_cosh(K):
    return head(K), K.losses.LogCosh(), lambda rng: 5 * numbers(rng)


@case(2, 3)
def percentage(K):
    return head(K), "mape", numbers


@case(2, 3)
def logarithmic(K):
    return head(K), "mean_squared_logarithmic_error", lambda rng: np.abs(3 * numbers(rng))


@case(2, 3)
def positions_logarithmic_summed(K):
    return positions(K, "softplus"), K.losses.MeanSquaredLogarithmicError(reduction="sum"), lambda rng: np.abs(numbers_at_positions(rng))


def distributions(rng, *axes):
    """Some probabilities are 0."""
    parts = np.exp(rng.normal(size=(N, *axes, 3))) * (rng.uniform(size=(N, *axes, 3)) > 0.2)
    parts[..., 0] += 0.1
    return parts / parts.sum(-1, keepdims=True)


@case(2, 3)
def divergence(K):
    return head(K, "softmax"), "kl_divergence", distributions


@case(2, 3)
def positions_divergence_summed(K):
    return positions(K, "softmax"), K.losses.KLDivergence(reduction="sum"), lambda rng: distributions(rng, 4)


@case(2, 3)
@masked
def masked_divergence(K):
    return tagger(K, 3, "softmax"), K.losses.KLDivergence(), lambda rng: distributions(rng, 4)


@case(2, 3)
def cosine(K):
    return head(K), K.losses.CosineSimilarity(), numbers


@case(2, 3)
def positions_cosine_summed(K):
    return positions(K), K.losses.CosineSimilarity(reduction="sum"), numbers_at_positions


@case(2, 3)
@masked
def masked_cosine(K):
    return tagger(K, 3), K.losses.CosineSimilarity(), numbers_at_positions


def loss_of(K, loss):
    [loss] = loss if isinstance(loss, list) else loss.values() if isinstance(loss, dict) else [loss]
    if isinstance(loss, str):
        function = K.losses.get(loss)
        return lambda target, output: tf.reduce_mean(function(target, output))
    # Without a reduction, the gradient is that of the sum.
    return lambda target, output: tf.reduce_sum(loss(target, output))


def make(name):
    function, version = CASES[name]
    K = keras if version == 3 else tf_keras
    rng = np.random.default_rng(sum(name.encode()))
    set_floatx(K, "float32")
    K.backend.clear_session()
    model, loss, draw = function(K)
    model.compile("sgd", loss)
    values = [drawn(rng, weight) for weight in model.weights]
    compiled = model.get_compile_config() if version == 3 else tf_keras.src.saving.legacy.saving_utils.model_metadata(model)["training_config"]
    x = INPUTS[function.__name__](rng) if function.__name__ in INPUTS else rng.normal(size=(N, *model.input_shape[1:]))
    y = draw(rng)
    record = {"version": version, "config": json.loads(model.to_json()), "compiled": {"loss": compiled["loss"]}}
    set_floatx(K, "float64")
    K.backend.clear_session()
    model, loss, _ = function(K)
    filled(model, [value.astype("float64") for value in values])
    compute = loss_of(K, loss)
    losses, rows = [], []
    for index in range(N):
        with tf.GradientTape() as tape:
            value = compute(tf.constant(y[index : index + 1]), model(tf.constant(x[index : index + 1])))
        sources = [getattr(v, "value", v) if version == 3 else v for v in model.trainable_variables]
        found = tape.gradient(value, sources)
        losses.append(float(value))
        rows.append(np.concatenate([g.numpy().ravel() for g in found]))
    set_floatx(K, "float32")
    rows = np.array(rows)
    return record | {
        "weights": [value.tolist() for value in values],
        "x": x.tolist(),
        "y": y.tolist(),
        "losses": losses,
        "scores": (rows[:TRAIN] @ rows[TRAIN:].T).tolist(),
        "self": (rows[:TRAIN] ** 2).sum(axis=1).tolist(),
    }


def main():
    assert N == TRAIN + QUERIES
    path = GOLDEN / "losses.json"
    known = json.loads(path.read_text()) if sys.argv[1:] else {}
    cases = dict(sorted((known | {name: make(name) for name in CASES if not known or name in sys.argv[1:]}).items()))
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    sys.exit(main())
