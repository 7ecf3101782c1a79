"""Trains the models of keras_models.py, with a checkpoint of every format after each epoch, and differentiates them in double precision."""

import json
import os
import shutil
import sys
import types
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "TF_ENABLE_ONEDNN_OPTS": "0"}

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from keras_models import TRAIN, N, Family

MODULES = {3: keras, 2: tf_keras}


@contextmanager
def double(K):
    config = K.config if K is keras else K.backend
    config.set_floatx("float64")
    yield
    config.set_floatx("float32")


def filled(model, values):
    """The model with these weights; layers that keep copies of theirs take them again."""
    model.set_weights(values)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return model


def as_double(array):
    return array.astype("float64") if array.dtype == np.float32 else array


@dataclass
class Run:
    """What one training left behind: files in `folder`, and the weights that they must hold."""

    family: Family
    version: int
    folder: Path
    inputs: dict[str, np.ndarray]
    target: np.ndarray
    # (weights, rate) of each checkpoint, from the model itself.
    states: list

    def gradients(self):
        """The gradient [N, parameters] of each example's compiled loss, alone, at each checkpoint; and the trainable variables' shapes."""
        K = MODULES[self.version]
        with double(K):
            K.backend.clear_session()
            model = self.family.build(K)
            model.compile("sgd", self.family.loss(K))
            variables = [getattr(v, "value", v) if self.version == 3 else v for v in model.trainable_variables]

            @tf.function
            def one(values, target):
                with tf.GradientTape() as tape:
                    output = model(values, training=False)
                    loss = sum_of_data_losses(model, target, output)
                found = tape.gradient(loss, variables, unconnected_gradients="zero")
                return tf.concat([tf.reshape(tf.convert_to_tensor(part), [-1]) for part in found], 0)

            rows = []
            for values, _ in self.states:
                filled(model, [as_double(value) for value in values])
                rows.append(np.stack([one(*self.example(index)).numpy() for index in range(N)]))
        return rows

    def example(self, index):
        values = [tf.constant(as_double(array[index : index + 1])) for array in self.inputs.values()]
        return values[0] if len(values) == 1 else values, tf.constant(as_double(self.target[index : index + 1]))


def sum_of_data_losses(model, target, output):
    """The compiled loss without what belongs to no example (regularisation)."""
    if isinstance(model, keras.Model):
        # Built by the caller's first step: `compute_loss` adds the regularisation, `_compile_loss` does not.
        return model._compile_loss(target, output)
    return model.compiled_loss(target, output)


@cache
def train(family: Family, version: int, root: Path) -> Run:
    K = MODULES[version]
    K.backend.clear_session()
    K.utils.set_random_seed(sum(family.name.encode()))
    rng = np.random.default_rng(sum(family.name.encode()))
    inputs = {name: draw(rng) for name, draw in family.inputs.items()}
    target = family.target(rng, inputs)
    folder = root / f"{family.build.__name__}-{version}"
    folder.mkdir()
    model = family.build(K)
    values = [array[:TRAIN] for array in inputs.values()]
    x = values[0] if len(values) == 1 else values
    for layer in model.layers:
        if layer.name == "adapted":
            layer.adapt(values[0])
    options = {"jit_compile": False} if version == 3 else {}
    model.compile(K.optimizers.SGD(0.1), family.loss(K), **options)
    states = []

    def keep(epoch, _):
        states.append(([np.array(value) for value in model.get_weights()], family.rates[epoch]))
        # Of the file: saving to HDF5 changes what Keras 3 writes of the optimizer afterwards.
        K.models.load_model(folder / f"epoch-{epoch + 1}.keras").save(folder / f"epoch-{epoch + 1}.h5")

    model.save(folder / "model.keras")
    callbacks = K.callbacks
    model.fit(
        x, target[:TRAIN], batch_size=4, epochs=len(family.rates), verbose=0,
        callbacks=[
            callbacks.LearningRateScheduler(lambda epoch: family.rates[epoch]),
            callbacks.ModelCheckpoint(str(folder / "epoch-{epoch}.keras")),
            callbacks.ModelCheckpoint(str(folder / "weights-{epoch}.weights.h5"), save_weights_only=True),
            callbacks.LambdaCallback(on_epoch_end=keep),
        ],
    )  # fmt: skip
    if version == 2:
        convert(folder)
    for name, array in (inputs | {"target": target}).items():
        np.save(folder / f"train-{name}.npy", array[:TRAIN])
        np.save(folder / f"test-{name}.npy", array[TRAIN:])
    return Run(family, version, folder, inputs, target, states)


def convert(folder, prefix="tfjs-", quantisation=None):
    """TensorFlow.js models of the checkpoints, by its Python converter."""
    conversion = converter()
    for file in sorted(folder.glob("epoch-?.h5")):
        topology, groups = conversion.h5_merged_saved_model_to_tfjs_format(str(file), split_by_layer=False)
        target = folder / f"{prefix}{file.stem}"
        target.mkdir()
        conversion.write_artifacts(topology, groups, str(target), quantization_dtype_map=quantisation, weight_shard_size_bytes=1000)


def quantised(run: Run, dtype) -> Run:
    """The run with its checkpoints in TensorFlow.js files of this type, and the weights that the converter reads from them."""
    convert(run.folder, f"tfjs-{dtype}-", {dtype: ["*"]})
    from tensorflowjs.read_weights import read_weights

    states = []
    for epoch, (_, rate) in enumerate(run.states):
        folder = run.folder / f"tfjs-{dtype}-epoch-{epoch + 1}"
        groups = read_weights(json.loads((folder / "model.json").read_text())["weightsManifest"], str(folder))
        decoded = {weight["name"]: weight["data"] for group in groups for weight in group}
        model = tf_keras.models.load_model(run.folder / f"epoch-{epoch + 1}.h5")
        states.append(([decoded[weight.name.removesuffix(":0")] for weight in model.weights], rate))
    return replace(run, states=states)


@cache
def converter():
    """The converter of Keras files alone: the package imports much that is not needed here."""
    [place] = [Path(folder) / "tensorflowjs" for folder in sys.path if (Path(folder) / "tensorflowjs").is_dir()]
    for name in ("tensorflowjs", "tensorflowjs.converters"):
        package = types.ModuleType(name)
        package.__path__ = [str(place.parent / name.replace(".", "/"))]
        sys.modules[name] = package
    from tensorflowjs import version  # noqa: F401
    from tensorflowjs.converters import keras_h5_conversion

    return keras_h5_conversion


def copied(run: Run, name, files):
    """A workspace with these files of the run and its data."""
    target = run.folder.parent / f"{run.folder.name}-{name}"
    target.mkdir()
    for file in {file for pattern in (*files, "*.npy") for file in run.folder.glob(pattern)}:
        (shutil.copytree if file.is_dir() else shutil.copyfile)(file, target / file.name)
    return target
