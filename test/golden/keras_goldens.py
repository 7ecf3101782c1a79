"""Real Keras 3 and Keras 2 (tf_keras) models with their outputs and gradients in double precision, one example at a time.

Used by keras_layers.py and keras_recurrent.py; see README.md for the format.
"""

import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
sys.dont_write_bytecode = True

import h5py
import keras
import numpy as np
import tensorflow as tf
import tf_keras
from safetensors.numpy import load_file, save_file

GOLDEN = Path(__file__).resolve().parents[1] / "unit" / "golden" / "keras"
TRAIN, QUERIES, CLASSES = 5, 3, 3
N = TRAIN + QUERIES


class Cases:
    """Models by name; each is made by a function of the module (keras or tf_keras)."""

    def __init__(self):
        self.all = {}

    def __call__(self, *versions, double=True, **data):
        """A model in Keras 3, Keras 2 or both; `data` gives its inputs by name, each from a random generator.

        `double=False` for what TensorFlow computes on a CPU in float32 alone.
        """

        def add(function):
            for version in versions:
                self.all[f"{function.__name__}_k{version}"] = (function, version, double, data)
            return function

        return add


def normal(*shape):
    return lambda rng: rng.normal(size=(N, *shape)).astype("float32")


def set_floatx(K, name):
    (K.config if K is keras else K.backend).set_floatx(name)


def built(K, function):
    K.backend.clear_session()
    return function(K)


def container(model):
    """The weights under the names of `.weights.h5`; one that is there twice under its first name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.weights.h5"
        model.save_weights(path)
        found = {}
        with h5py.File(path) as file:
            file.visititems(lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None)
    kept, seen = {}, set()
    for name, array in found.items():
        content = (array.shape, array.tobytes())
        if not name.startswith(("optimizer/", "_layer_checkpoint")) and array.dtype == np.float32 and content not in seen:
            kept[name] = array
            seen.add(content)
    return kept


def filled(model, values):
    """The model with these weights; layers that keep copies of their weights take them again."""
    model.set_weights(values)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return model


def gradients(model, inputs, targets, names):
    """Loss, output and gradient of each example, alone: softmax cross-entropy of the logits."""
    variables = model.trainable_variables
    is_keras3 = isinstance(model, keras.Model)

    @tf.function(reduce_retracing=True)
    def one(values, target):
        with tf.GradientTape() as tape:
            output = model(values, training=False)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(target, output)
        sources = [v.value if is_keras3 else v for v in variables]
        found = tape.gradient(loss, sources, unconnected_gradients="zero")
        return loss[0], output[0], [tf.convert_to_tensor(g) for g in found]

    losses, outputs, rows = [], [], []
    for index in range(N):
        values = [tf.convert_to_tensor(inputs[name][index : index + 1]) for name in names]
        loss, output, found = one(values[0] if len(values) == 1 else values, targets[index : index + 1])
        losses.append(loss.numpy())
        outputs.append(output.numpy())
        rows.append(np.concatenate([g.numpy().ravel() for g in found]))
    return np.array(losses), np.array(outputs), np.array(rows)


def drawn(rng, weight):
    """A value for a weight: logits stay of size 1, variances positive."""
    shape = tuple(weight.shape)
    value = rng.normal(size=shape) * (0.4 if len(shape) < 2 else np.prod(shape[:-1]) ** -0.5)
    if "variance" in weight.name:
        value = 0.5 + np.abs(value)
    return value.astype("float32") if str(weight.dtype).find("int") < 0 else np.array(weight)


def make(name, function, version, is_double, data):
    K = keras if version == 3 else tf_keras
    rng = np.random.default_rng(sum(name.encode()))
    set_floatx(K, "float32")
    model = built(K, function)
    values = [drawn(rng, weight) for weight in model.weights]
    filled(model, values)
    inputs = {key: make_input(rng) for key, make_input in data.items()}
    targets = rng.integers(0, CLASSES, size=N).astype("int64")
    # What training alone uses is no part of the graph.
    idle = [value for weight, value in zip(model.weights, values) if "vector_u" in weight.name]
    weights = {name: array for name, array in container(model).items() if not any(np.array_equal(array, value) for value in idle)}
    record = {"version": version, "config": json.loads(model.to_json()), "weights": list(weights), "inputs": list(inputs)}
    if is_double:
        set_floatx(K, "float64")
        double = filled(built(K, function), [value.astype("float64") if value.dtype == np.float32 else value for value in values])
        wide = {key: value.astype("float64") if value.dtype == np.float32 else value for key, value in inputs.items()}
        losses, outputs, rows = gradients(double, wide, targets, list(inputs))
        set_floatx(K, "float32")
    else:
        found = gradients(model, inputs, targets, list(inputs))
        losses, outputs, rows = (array.astype("float64") for array in found)
    scores = rows[:TRAIN] @ rows[TRAIN:].T
    assert np.isfinite(rows).all() and (np.abs(rows).max(axis=1) > 0).all(), name
    expected = {"outputs": outputs, "losses": losses, "scores": scores, "self": (rows[:TRAIN] ** 2).sum(axis=1), "targets": targets}
    expected |= {f"inputs/{key}": value.astype("int64") if value.dtype == np.int32 else value for key, value in inputs.items()}
    record["parameters"] = int(rows.shape[1])
    return record, weights, expected


def main(cases, folder, names):
    """Makes the named cases, or all: cases.json.gz (what each model saves of itself), weights and expected numbers."""
    out = GOLDEN / folder
    out.mkdir(parents=True, exist_ok=True)
    paths = {kind: out / f"{kind}.safetensors" for kind in ("weights", "expected")}
    records, weights, expected, failed = {}, {}, {}, []
    if names:
        records = json.loads(gzip.decompress((out / "cases.json.gz").read_bytes()))
        weights, expected = load_file(paths["weights"]), load_file(paths["expected"])
    for name in names or sorted(cases.all):
        try:
            record, own, numbers = make(name, *cases.all[name])
        except Exception as error:
            failed.append(f"{name}: {error}")
            continue
        records[name] = record
        for tensors, new in ((weights, own), (expected, numbers)):
            for key in [key for key in tensors if key.startswith(f"{name}/")]:
                del tensors[key]
            tensors |= {f"{name}/{key}": np.ascontiguousarray(value) for key, value in new.items()}
        print(name, record["parameters"], "parameters")
    text = json.dumps(dict(sorted(records.items())), separators=(",", ":"))
    (out / "cases.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    save_file(weights, paths["weights"])
    save_file(expected, paths["expected"])
    if failed:
        sys.exit("\n".join(failed))
