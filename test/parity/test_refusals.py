"""What is refused, and the message: never a zero gradient, nor code from a file that is executed."""

import shutil

import numpy as np
import pytest
import tf_keras
from samples import ROOT
from workspace import refusal, write_config

import keras

MODULES = {"Keras 3": keras, "Keras 2": tf_keras}


def lambda_layer(K):
    return K.Sequential([K.Input((4,), name="x"), K.layers.Lambda(lambda x: x * 2), K.layers.Dense(2)])


def stateful(K):
    return K.Sequential([K.Input((2, 2), batch_size=4, name="x"), K.layers.LSTM(3, stateful=True), K.layers.Dense(2)])


def custom_layer(K):
    class Doubled(K.layers.Layer):
        def call(self, x):
            return x * 2

    return K.Sequential([K.Input((4,), name="x"), Doubled(), K.layers.Dense(2)])


REFUSED = {"Lambda layer": lambda_layer, "stateful LSTM": stateful, "layer class of one's own": custom_layer}


def data(folder, *shape):
    rng = np.random.default_rng(0)
    np.save(folder / "x.npy", rng.normal(size=(4, *shape)).astype("float32"))
    np.save(folder / "y.npy", np.array([0, 1, 0, 1]))


def configuration(model):
    return {
        "model": model,
        "checkpoints": {"files": model, "learningRate": 0.1},
        "loss": "softmax-cross-entropy",
        "data": {"train": {"npy": {"x": "x.npy", "y": "y.npy"}, "target": "y"}},
        "features": {"x": {"array": "x"}},
    }


@pytest.mark.parametrize("framework", MODULES)
@pytest.mark.parametrize("family", REFUSED)
def test_keras(framework, family, tmp_path, record_compatibility):
    K = MODULES[framework]
    K.backend.clear_session()
    model = REFUSED[family](K)
    model.compile("sgd", K.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.save(tmp_path / "model.keras")
    data(tmp_path, *model.input_shape[1:])
    write_config(tmp_path, configuration("model.keras"))
    record_compatibility(framework, ".keras", family).refused(refusal(tmp_path))


def test_weights_alone(tmp_path, record_compatibility):
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "model.weights.h5")
    data(tmp_path, 4)
    write_config(tmp_path, configuration("model.weights.h5"))
    record_compatibility("Keras 3", ".weights.h5 alone", "any").refused(refusal(tmp_path))


def test_graph_model(tmp_path, record_compatibility):
    shutil.copytree(ROOT / "test/unit/golden/tfjs/graph", tmp_path / "graph")
    data(tmp_path, 3)
    write_config(tmp_path, configuration("graph/model.json"))
    record_compatibility("TensorFlow.js", "model.json", "graph model (converted SavedModel)").refused(refusal(tmp_path))
