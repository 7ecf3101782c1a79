"""Goldens for recurrent, attention and embedding layers: real Keras 3 and Keras 2 (tf_keras) models with their
gradients in double precision.

    python test/golden/keras_recurrent.py [NAME ...]

Writes test/unit/golden/keras/recurrent/: cases.json.gz (the configuration that each model saves), weights.safetensors (under the
names that `.weights.h5` gives them), expected.safetensors. See README.md for the format.
"""

import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import h5py
import keras
import numpy as np
import tensorflow as tf
import tf_keras
from safetensors.numpy import load_file, save_file

OUT = Path(__file__).resolve().parents[1] / "unit" / "golden" / "keras" / "recurrent"
TRAIN, QUERIES, CLASSES = 5, 3, 3
N = TRAIN + QUERIES
CASES = {}


def case(*versions, **options):
    """A model that `build(K)` makes, in Keras 3, Keras 2 or both; `data(rng)` gives its inputs by name."""

    def add(function):
        for version in versions:
            CASES[f"{function.__name__}_k{version}"] = (function, version, options)
        return function

    return add


def sequence(rng, *shape):
    return rng.normal(size=(N, *shape)).astype("float32")


def ids(rng, length, padding="left", vocabulary=10):
    """Token ids with repeats; 0 is padding: before, after, or anywhere."""
    tokens = rng.integers(1, vocabulary, size=(N, length))
    if padding == "none":
        return rng.integers(0, vocabulary, size=(N, length)).astype("int32")
    if padding == "anywhere":
        tokens[rng.random((N, length)) < 0.35] = 0
        tokens[:, length // 2] = rng.integers(1, vocabulary, size=N)
        return tokens.astype("int32")
    for row in range(N):
        count = row % length  # no row is padding alone
        if padding == "left":
            tokens[row, :count] = 0
        elif count > 0:
            tokens[row, -count:] = 0
    return tokens.astype("int32")


# Recurrent layers: options


@case(2, 3, x=lambda rng: sequence(rng, 5, 3))
def simple_rnn(K):
    L = K.layers
    return K.Sequential([K.Input((5, 3), name="x"), L.SimpleRNN(4), L.Dense(CLASSES)])


@case(2, 3, x=lambda rng: sequence(rng, 4, 3))
def simple_rnn_backwards(K):
    L = K.layers
    x = K.Input((None, 3), name="x")
    h = L.SimpleRNN(4, activation="relu", use_bias=False, go_backwards=True, return_sequences=True)(x)
    return K.Model(x, L.Dense(CLASSES)(L.SimpleRNN(3, activation="linear")(h)))


@case(2, 3, x=lambda rng: sequence(rng, 5, 3))
def lstm(K):
    L = K.layers
    return K.Sequential([K.Input((None, 3), name="x"), L.LSTM(4), L.Dense(CLASSES)])


@case(2, 3, x=lambda rng: sequence(rng, 4, 3))
def lstm_options(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    h = L.LSTM(3, activation="softsign", recurrent_activation="hard_sigmoid", use_bias=False, return_sequences=True)(x)
    h = L.LSTM(4, activation="elu", go_backwards=True, unroll=True, dropout=0.3, recurrent_dropout=0.2)(h)
    return K.Model(x, L.Dense(CLASSES)(h))


@case(2, 3, x=lambda rng: sequence(rng, 4, 3))
def lstm_states(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    sequences, h, c = L.LSTM(3, return_sequences=True, return_state=True)(x)
    return K.Model(x, L.Dense(CLASSES)(L.Concatenate()([L.Flatten()(sequences), h, c])))


@case(2, 3, x=lambda rng: sequence(rng, 4, 3), s=lambda rng: sequence(rng, 2))
def lstm_initial_state(K):
    L = K.layers
    x, s = K.Input((4, 3), name="x"), K.Input((2,), name="s")
    h = L.LSTM(3)(x, initial_state=[L.Dense(3)(s), L.Dense(3, activation="tanh")(s)])
    return K.Model([x, s], L.Dense(CLASSES)(h))


@case(2, 3, encoder=lambda rng: sequence(rng, 4, 3), decoder=lambda rng: sequence(rng, 3, 2))
def encoder_decoder(K):
    L = K.layers
    encoder, decoder = K.Input((None, 3), name="encoder"), K.Input((None, 2), name="decoder")
    _, h, c = L.LSTM(4, return_state=True)(encoder)
    y = L.LSTM(4, return_sequences=True)(decoder, initial_state=[h, c])
    return K.Model([encoder, decoder], L.Dense(CLASSES)(L.GlobalMaxPooling1D()(y)))


@case(2, 3, x=lambda rng: sequence(rng, 5, 3))
def gru(K):
    L = K.layers
    x = K.Input((None, 3), name="x")
    h = L.GRU(4, return_sequences=True)(x)
    h = L.GRU(3, reset_after=False, return_sequences=True)(h)
    h = L.GRU(3, use_bias=False)(h)
    return K.Model(x, L.Dense(CLASSES)(h))


@case(2, 3, x=lambda rng: sequence(rng, 4, 3), s=lambda rng: sequence(rng, 3))
def gru_states(K):
    L = K.layers
    x, s = K.Input((4, 3), name="x"), K.Input((3,), name="s")
    h, state = L.GRU(3, reset_after=False, return_state=True, recurrent_activation="hard_sigmoid", go_backwards=True)(
        x, initial_state=s
    )
    y = L.GRU(3, activation="relu", return_sequences=True)(x, initial_state=state)
    return K.Model([x, s], L.Dense(CLASSES)(L.Concatenate()([h, L.Flatten()(y)])))


@case(2, 3, x=lambda rng: sequence(rng, 4, 3))
def cells(K):
    L = K.layers
    x = K.Input((None, 3), name="x")
    stacked = L.StackedRNNCells([L.LSTMCell(3), L.GRUCell(4), L.SimpleRNNCell(3)])
    h = L.RNN(stacked, return_sequences=True)(x)
    h = L.RNN(L.GRUCell(3, reset_after=False))(h)
    return K.Model(x, L.Dense(CLASSES)(h))


@case(2, 3, x=lambda rng: sequence(rng, 3, 3), y=lambda rng: sequence(rng, 3, 3))
def shared_lstm(K):
    L = K.layers
    x, y = K.Input((3, 3), name="x"), K.Input((3, 3), name="y")
    layer = L.LSTM(3)
    return K.Model([x, y], L.Dense(CLASSES)(L.Subtract()([layer(x), layer(y)])))


# Bidirectional


@case(2, 3, x=lambda rng: sequence(rng, 4, 3))
def bidirectional(K):
    L = K.layers
    x = K.Input((None, 3), name="x")
    h = L.Bidirectional(L.LSTM(3, return_sequences=True))(x)
    h = L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum")(h)
    h = L.Bidirectional(L.SimpleRNN(3, return_sequences=True), merge_mode="mul")(h)
    h = L.Bidirectional(L.GRU(3), merge_mode="ave")(h)
    return K.Model(x, L.Dense(CLASSES)(h))


@case(2, 3, x=lambda rng: sequence(rng, 4, 3))
def bidirectional_layers(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    layer = L.Bidirectional(
        L.LSTM(3, return_sequences=True),
        backward_layer=L.GRU(3, return_sequences=True, go_backwards=True, reset_after=False),
    )
    forward, backward = L.Bidirectional(L.LSTM(2), merge_mode=None)(layer(x))
    return K.Model(x, L.Dense(CLASSES)(L.Concatenate()([forward, backward])))


@case(3, x=lambda rng: sequence(rng, 4, 3))
def bidirectional_states(K):
    L = K.layers
    x = K.Input((None, 3), name="x")
    _, *states = L.Bidirectional(L.LSTM(3, return_state=True))(x)
    y = L.Bidirectional(L.LSTM(3))(x, initial_state=states)
    return K.Model(x, L.Dense(CLASSES)(L.Concatenate()([y, *states])))


# Embeddings and masks


@case(2, 3, ids=lambda rng: ids(rng, 5), places=lambda rng: np.tile(np.arange(5, dtype="int32"), (N, 1)))
def add_with_one_mask(K):
    """Token and position embeddings: Keras 2 keeps the mask of the one that has it, Keras 3 none."""
    L = K.layers
    x, places = K.Input((5,), name="ids", dtype="int32"), K.Input((5,), name="places", dtype="int32")
    h = L.Add()([L.Embedding(10, 4, mask_zero=True)(x), L.Embedding(5, 4)(places)])
    return K.Model([x, places], L.Dense(CLASSES)(L.GlobalAveragePooling1D()(L.Dense(3, activation="tanh")(h))))


@case(2, 3, ids=lambda rng: ids(rng, 4, "none"))
def embedding(K):
    L = K.layers
    return K.Sequential([K.Input((4,), dtype="int32", name="ids"), L.Embedding(10, 3, mask_zero=True), L.Flatten(), L.Dense(CLASSES)])


@case(2, 3, ids=lambda rng: ids(rng, 5, "left"))
def mask_left(K):
    L = K.layers
    x = K.Input((None,), dtype="int32", name="ids")
    h = L.LSTM(4)(L.Embedding(10, 3, mask_zero=True)(x))
    return K.Model(x, L.Dense(CLASSES)(h))


@case(2, 3, ids=lambda rng: ids(rng, 5, "right"))
def mask_right(K):
    L = K.layers
    x = K.Input((None,), dtype="int32", name="ids")
    h = L.Embedding(10, 3, mask_zero=True)(x)
    h = L.GRU(3, return_sequences=True)(h)
    h = L.SimpleRNN(3, return_sequences=True, go_backwards=True)(L.Dropout(0.4)(h))
    return K.Model(x, L.Dense(CLASSES)(L.GlobalAveragePooling1D()(h)))


@case(2, 3, ids=lambda rng: ids(rng, 5, "anywhere"))
def mask_anywhere(K):
    L = K.layers
    x = K.Input((None,), dtype="int32", name="ids")
    h = L.Embedding(10, 3, mask_zero=True)(x)
    h = L.Bidirectional(L.LSTM(3, return_sequences=True))(h)
    h = L.TimeDistributed(L.Dense(4, activation="tanh"))(h)
    h = L.Bidirectional(L.GRU(3, reset_after=False))(h)
    return K.Model(x, L.Dense(CLASSES)(h))


@case(2, 3, x=lambda rng: sequence(rng, 4, 3) * (rng.random((N, 4, 1)) < 0.6).astype("float32"))
def masking(K):
    L = K.layers
    x = K.Input((4, 3), name="x")
    h = L.Masking()(x)
    h = L.RNN(L.GRUCell(3), return_sequences=True, zero_output_for_mask=True)(h)
    h, *states = L.RNN(L.StackedRNNCells([L.LSTMCell(3), L.SimpleRNNCell(2)]), return_sequences=True, return_state=True)(h)
    return K.Model(x, L.Dense(CLASSES)(L.Flatten()(h)))


@case(2, 3, a=lambda rng: ids(rng, 4, "left"), b=lambda rng: ids(rng, 4, "right"))
def mask_merge(K):
    L = K.layers
    a, b = (K.Input((4,), dtype="int32", name=name) for name in "ab")
    layer = L.Embedding(10, 3, mask_zero=True)
    added = L.Add()([layer(a), layer(b)])
    joined = L.Concatenate(axis=-1)([layer(a), L.LayerNormalization()(added)])
    long = L.Concatenate(axis=1)([layer(a), layer(b)])
    h = L.Concatenate()([L.LSTM(3)(added), L.GRU(3)(joined), L.GlobalAveragePooling1D()(long)])
    return K.Model([a, b], L.Dense(CLASSES)(h))


# TimeDistributed


@case(2, 3, x=lambda rng: sequence(rng, 3, 5, 4, 1))
def time_distributed(K):
    L = K.layers
    x = K.Input((None, 5, 4, 1), name="x")
    h = L.TimeDistributed(L.Conv2D(2, 2, activation="relu"))(x)
    h = L.TimeDistributed(L.MaxPooling2D(2))(h)
    h = L.TimeDistributed(L.Flatten())(h)
    return K.Model(x, L.Dense(CLASSES)(L.LSTM(3)(h)))


@case(2, 3, x=lambda rng: ids(rng, 6, "right").reshape(N, 2, 3) % 10)
def time_distributed_model(K):
    L = K.layers
    words = K.Input((3,), dtype="int32", name="words")
    sentence = K.Model(words, L.Bidirectional(L.GRU(2))(L.Embedding(10, 3)(words)), name="sentence")
    x = K.Input((2, 3), dtype="int32", name="x")
    h = L.TimeDistributed(sentence)(x)
    return K.Model(x, L.Dense(CLASSES)(L.LSTM(3)(h)))


# Attention


@case(2, 3, x=lambda rng: sequence(rng, 4, 5))
def multi_head(K):
    L = K.layers
    x = K.Input((None, 5), name="x")
    h = L.MultiHeadAttention(2, 3)(x, x)
    h = L.LayerNormalization()(L.Add()([x, h]))
    h = L.MultiHeadAttention(2, 2, value_dim=3, output_shape=4, use_bias=False, dropout=0.1)(h, h, use_causal_mask=True)
    return K.Model(x, L.Dense(CLASSES)(L.GlobalAveragePooling1D()(h)))


@case(2, 3, q=lambda rng: sequence(rng, 4, 4), v=lambda rng: sequence(rng, 4, 3), k=lambda rng: sequence(rng, 4, 2))
def multi_head_cross(K):
    L = K.layers
    q, v, k = K.Input((4, 4), name="q"), K.Input((4, 3), name="v"), K.Input((4, 2), name="k")
    h, scores = L.MultiHeadAttention(2, 2, value_dim=3)(q, v, k, return_attention_scores=True)
    return K.Model([q, v, k], L.Dense(CLASSES)(L.Concatenate()([L.Flatten()(h), L.Flatten()(scores)])))


@case(2, 3, x=lambda rng: sequence(rng, 3, 4), m=lambda rng: (np.tril(np.ones((3, 3))) * np.ones((N, 1, 1))).astype("int32"))
def multi_head_mask_input(K):
    L = K.layers
    x, m = K.Input((3, 4), name="x"), K.Input((3, 3), dtype="int32", name="m")
    h = L.MultiHeadAttention(2, 2)(x, x, attention_mask=m)
    return K.Model([x, m], L.Dense(CLASSES)(L.Flatten()(h)))


@case(2, 3, ids=lambda rng: ids(rng, 4, "left"))
def multi_head_masked(K):
    L = K.layers
    x = K.Input((None,), dtype="int32", name="ids")
    e = L.Embedding(10, 4, mask_zero=True)(x)
    h = L.Add()([e, L.MultiHeadAttention(2, 2)(e, e)])
    h = L.MultiHeadAttention(1, 3)(h, h, use_causal_mask=True)
    return K.Model(x, L.Dense(CLASSES)(L.GlobalAveragePooling1D()(h)))


@case(2, 3, x=lambda rng: sequence(rng, 2, 3, 4))
def multi_head_axes(K):
    L = K.layers
    x = K.Input((2, 3, 4), name="x")
    h = L.MultiHeadAttention(2, 3, attention_axes=(2,))(x, x)
    h = L.MultiHeadAttention(2, 2, attention_axes=(1, 2))(h, h)
    return K.Model(x, L.Dense(CLASSES)(L.Flatten()(h)))


@case(2, 3, a=lambda rng: ids(rng, 3, "right"), b=lambda rng: ids(rng, 4, "right"))
def attention(K):
    L = K.layers
    a, b = K.Input((None,), dtype="int32", name="a"), K.Input((None,), dtype="int32", name="b")
    embed = L.Embedding(10, 3, mask_zero=True)
    dot = L.Attention(use_scale=True, score_mode="dot")([embed(a), embed(b)])
    concat = L.Attention(use_scale=True, score_mode="concat")([embed(a), embed(b)])
    additive, _ = L.AdditiveAttention()([embed(a), embed(b), embed(b)], return_attention_scores=True)
    pools = [L.GlobalAveragePooling1D()(h) for h in (dot, concat, additive)]
    return K.Model([a, b], L.Dense(CLASSES)(L.Concatenate()(pools)))


@case(2, 3, x=lambda rng: sequence(rng, 3, 3))
def attention_causal(K):
    L = K.layers
    x = K.Input((3, 3), name="x")
    h = L.Attention(dropout=0.2)([x, L.Dense(3)(x)], use_causal_mask=True)
    h = L.AdditiveAttention(use_scale=False)([h, L.Dense(3)(h)])
    return K.Model(x, L.Dense(CLASSES)(L.Flatten()(h)))


@case(3, x=lambda rng: sequence(rng, 4, 4))
def grouped_query(K):
    L = K.layers
    x = K.Input((None, 4), name="x")
    h = L.GroupQueryAttention(2, 4, 2)(x, x)
    h = L.GroupQueryAttention(3, 2, 1, use_bias=False)(h, x, use_causal_mask=True)
    return K.Model(x, L.Dense(CLASSES)(L.GlobalAveragePooling1D()(h)))


# Convolutional


@case(2, 3, x=lambda rng: sequence(rng, 3, 4, 3, 2))
def conv_lstm(K):
    L = K.layers
    x = K.Input((3, 4, 3, 2), name="x")
    h = L.ConvLSTM2D(2, 2, padding="same", return_sequences=True)(x)
    h = L.ConvLSTM2D(2, (2, 1), strides=(2, 1), recurrent_activation="sigmoid", use_bias=False)(h)
    return K.Model(x, L.Dense(CLASSES)(L.Flatten()(h)))


@case(2, 3, x=lambda rng: sequence(rng, 3, 5, 2))
def conv_lstm_1d(K):
    L = K.layers
    x = K.Input((None, 5, 2), name="x")
    h = L.ConvLSTM1D(2, 2, dilation_rate=2, go_backwards=True)(x)
    return K.Model(x, L.Dense(CLASSES)(L.Flatten()(h)))


# The reference


def set_floatx(K, name):
    (K.config if K is keras else K.backend).set_floatx(name)


def built(K, function):
    K.backend.clear_session()
    return function(K)


def container(model):
    """The weights under the names of `.weights.h5`, and the arrays in the order of `model.get_weights()`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.weights.h5"
        model.save_weights(path)
        found = {}
        with h5py.File(path) as file:
            file.visititems(lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None)
    return {name: array for name, array in found.items() if not name.startswith(("optimizer/", "_layer_checkpoint"))}


def gradients(model, inputs, targets, names):
    """Loss, output and gradient of each example, alone: softmax cross-entropy of the logits."""
    variables = model.trainable_variables

    @tf.function(reduce_retracing=True)
    def one(values, target):
        with tf.GradientTape() as tape:
            output = model(values, training=False)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(target, output)
        sources = [getattr(v, "value", v) if K3(model) else v for v in variables]
        return loss[0], output[0], [tf.convert_to_tensor(g) for g in tape.gradient(loss, sources, unconnected_gradients="zero")]

    losses, outputs, rows = [], [], []
    for index in range(N):
        values = [tf.convert_to_tensor(inputs[name][index : index + 1]) for name in names]
        loss, output, found = one(values[0] if len(values) == 1 else values, targets[index : index + 1])
        losses.append(loss.numpy())
        outputs.append(output.numpy())
        rows.append(np.concatenate([g.numpy().ravel() for g in found]))
    return np.array(losses), np.array(outputs), np.array(rows)


def K3(model):
    return isinstance(model, keras.Model)


def make(name):
    function, version, data = CASES[name]
    K = keras if version == 3 else tf_keras
    rng = np.random.default_rng(sum(map(ord, name)))
    set_floatx(K, "float32")
    model = built(K, function)
    values = [(rng.normal(size=w.shape) * 0.6).astype("float32") for w in model.get_weights()]
    model.set_weights(values)
    inputs = {key: make_input(rng) for key, make_input in data.items()}
    targets = rng.integers(0, CLASSES, size=N).astype("int64")
    weights = container(model)
    record = {"version": K.__version__, "config": json.loads(model.to_json()), "weights": list(weights), "inputs": list(inputs)}
    set_floatx(K, "float64")
    double = built(K, function)
    double.set_weights([value.astype("float64") for value in values])
    wide = {key: value.astype("float64") if value.dtype == np.float32 else value for key, value in inputs.items()}
    losses, outputs, rows = gradients(double, wide, targets, list(inputs))
    set_floatx(K, "float32")
    scores = rows[:TRAIN] @ rows[TRAIN:].T
    assert np.isfinite(rows).all() and (np.abs(rows).max(axis=1) > 0).all(), name
    expected = {"outputs": outputs, "losses": losses, "scores": scores, "self": (rows[:TRAIN] ** 2).sum(axis=1), "targets": targets}
    expected |= {f"inputs/{key}": value.astype("int64") if value.dtype == np.int32 else value for key, value in inputs.items()}
    record["inputTypes"] = {key: str(value.dtype) for key, value in inputs.items()}
    record["parameters"] = int(rows.shape[1])
    return record, weights, expected


def main(names):
    OUT.mkdir(parents=True, exist_ok=True)
    paths = {kind: OUT / f"{kind}.safetensors" for kind in ("weights", "expected")}
    records, weights, expected = {}, {}, {}
    if names:
        records = json.loads(gzip.decompress((OUT / "cases.json.gz").read_bytes()))
        weights, expected = load_file(paths["weights"]), load_file(paths["expected"])
    for name in names or sorted(CASES):
        prefix = f"{name}/"
        record, own, numbers = make(name)
        records[name] = record
        for tensors, new in ((weights, own), (expected, numbers)):
            for key in [key for key in tensors if key.startswith(prefix)]:
                del tensors[key]
            tensors |= {prefix + key: np.ascontiguousarray(value) for key, value in new.items()}
        print(name, record["parameters"], "parameters")
    text = json.dumps(dict(sorted(records.items())), separators=(",", ":"))
    (OUT / "cases.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    save_file(weights, paths["weights"])
    save_file(expected, paths["expected"])


if __name__ == "__main__":
    main(sys.argv[1:])
