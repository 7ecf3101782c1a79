"""Trains a small network with each adaptive optimizer of Keras, and tells by what it multiplies each element of a gradient.

The factors follow from the optimizer's own variables; each formula is checked against every update that the optimizer really made.
"""

import os

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "TF_ENABLE_ONEDNN_OPTS": "0"}

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from keras_models import FAMILIES, TRAIN, N
from keras_runs import MODULES, Run

UPDATES, BATCH = 4, 4
FAMILY = next(family for family in FAMILIES if family.build.__name__ == "cnn")


@dataclass
class Slots:
    """What an optimizer keeps of one parameter, in double precision, after `updates` updates."""

    optimizer: object
    updates: int
    gradient: np.ndarray
    values: dict[str, np.ndarray]

    def setting(self, name):
        return float(getattr(self.optimizer, name) if hasattr(self.optimizer, name) else self.optimizer._get_hyper(name))


def corrected(slots):
    return 1 - slots.setting("beta_2") ** slots.updates


def adam(slots):
    """The correction is in the rate, so epsilon stands beside the uncorrected root."""
    second = slots.values.get("largest", slots.values["second"])
    return np.sqrt(corrected(slots)) / (np.sqrt(second) + slots.setting("epsilon"))


def adam_direction(slots):
    return slots.values["first"] / (1 - slots.setting("beta_1") ** slots.updates)


def nadam(slots):
    return 1 / (np.sqrt(slots.values["second"] / corrected(slots)) + slots.setting("epsilon"))


def nadam_direction(slots):
    beta, t = slots.setting("beta_1"), slots.updates
    now, following = (beta * (1 - 0.5 * 0.96**step) for step in (t, t + 1))
    product = float(np.asarray(slots.optimizer._u_product))
    return following * slots.values["first"] / (1 - product * following) + (1 - now) * slots.gradient / (1 - product)


def rmsprop(slots):
    mean = slots.values.get("mean", 0)
    return 1 / np.sqrt(slots.values["second"] - mean**2 + slots.setting("epsilon"))


def rmsprop_outside(slots):
    return 1 / (np.sqrt(slots.values["second"]) + slots.setting("epsilon"))


def adagrad(slots):
    return 1 / np.sqrt(slots.values["second"] + slots.setting("epsilon"))


def own(slots):
    return slots.gradient


# Names under which the optimizers keep lists of slots; those of `tf.keras.optimizers.legacy` are asked for by name.
LISTS = {"first": "_momentums", "second": "_velocities", "largest": "_velocity_hats", "mean": "_average_gradients"}
LEGACY = {"first": "m", "second": "v", "largest": "vhat", "mean": "mg"}


@dataclass(frozen=True)
class Optimizer:
    """`make` takes the module with the optimizers' classes; momentum, which is no part of the factors, is checked without."""

    make: Callable
    sizes: Callable
    direction: Callable
    # Where not all of LISTS.
    lists: tuple[tuple[str, str], ...] = tuple(LISTS.items())


OPTIMIZERS = {
    "Adam": Optimizer(lambda o: o.Adam(0.02, epsilon=1e-4), adam, adam_direction),
    "Adam, amsgrad": Optimizer(lambda o: o.Adam(0.02, beta_2=0.5, amsgrad=True), adam, adam_direction),
    "AdamW": Optimizer(lambda o: o.AdamW(0.02, weight_decay=0.1), adam, adam_direction),
    "Nadam": Optimizer(lambda o: o.Nadam(0.02, epsilon=1e-4), nadam, nadam_direction),
    "RMSprop": Optimizer(lambda o: o.RMSprop(0.02, epsilon=1e-4), rmsprop, own),
    "RMSprop, centred": Optimizer(lambda o: o.RMSprop(0.02, epsilon=1e-3, centered=True), rmsprop, own),
    "Adagrad": Optimizer(lambda o: o.Adagrad(0.05, epsilon=1e-4), adagrad, own, (("second", "_accumulators"),)),
}
LEGACY_OPTIMIZERS = {
    "Adam": Optimizer(lambda o: o.Adam(0.02, epsilon=1e-4), adam, adam_direction),
    "RMSprop": Optimizer(lambda o: o.RMSprop(0.02, epsilon=1e-4), rmsprop_outside, own, (("second", "rms"),)),
}
# framework -> (version of Keras, module of the optimizers' classes, the optimizers)
FRAMEWORKS = {
    "Keras 3": (3, keras.optimizers, OPTIMIZERS),
    "Keras 2": (2, tf_keras.optimizers, OPTIMIZERS),
    "Keras 2, legacy optimizers": (2, tf_keras.optimizers.legacy, LEGACY_OPTIMIZERS),
}


def slots_of(optimizer, chosen, index, variable):
    found = {}
    is_legacy = isinstance(optimizer, tf_keras.optimizers.legacy.Optimizer)
    for meaning, name in chosen.lists:
        if is_legacy:
            name = LEGACY[meaning] if name.startswith("_") else name
            kept = optimizer.get_slot(variable, name) if name in optimizer.get_slot_names() else None
        else:
            every = getattr(optimizer, name, None) or []
            kept = every[index] if index < len(every) else None
        if kept is not None:
            found[meaning] = np.asarray(kept, dtype="float64")
    return found


def train(framework: str, name: str, root: Path):
    """The run, with two checkpoints (`step-*.keras`, `step-*.h5`, `weights-*.weights.h5`; `later-*.keras`, saved after `.h5`), and for each the factors [parameters]."""
    version, module, optimizers = FRAMEWORKS[framework]
    K, chosen = MODULES[version], optimizers[name]
    K.backend.clear_session()
    K.utils.set_random_seed(sum(name.encode()))
    rng = np.random.default_rng(sum(name.encode()))
    inputs = {key: draw(rng) for key, draw in FAMILY.inputs.items()}
    target = FAMILY.target(rng, inputs)
    [x] = inputs.values()
    model = FAMILY.build(K)
    optimizer = chosen.make(module)
    model.compile(optimizer, FAMILY.loss(K), **({"jit_compile": False} if version == 3 else {}))
    rate = float(np.asarray(optimizer.learning_rate))
    cross_entropy = K.losses.SparseCategoricalCrossentropy()
    states, factors = [], []
    for step in range(1, 2 * UPDATES + 1):
        rows = rng.choice(TRAIN, BATCH, replace=False)
        with tf.GradientTape() as tape:
            loss = cross_entropy(target[rows], model(x[rows], training=True))
        variables = model.trainable_variables
        gradients = tape.gradient(loss, [getattr(v, "value", v) if version == 3 else v for v in variables])
        before = [np.asarray(variable, dtype="float64") for variable in variables]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        sizes = []
        for index, (variable, old, gradient) in enumerate(zip(variables, before, gradients, strict=True)):
            slots = Slots(optimizer, step, gradient.numpy().astype("float64"), slots_of(optimizer, chosen, index, variable))
            sizes.append(chosen.sizes(slots))
            decay = getattr(optimizer, "weight_decay", None) or 0
            made = old * (1 - rate * decay) - np.asarray(variable, dtype="float64")
            expected = rate * sizes[-1] * chosen.direction(slots)
            assert np.abs(made - expected).max() <= 1e-6 + 1e-4 * np.abs(expected).max(), (framework, name, step)
        if step % UPDATES == 0:
            # In this order: saving to HDF5 changes what Keras 3 writes afterwards.
            model.save(root / f"step-{step}.keras")
            saved = model if "legacy" in framework else K.models.load_model(root / f"step-{step}.keras")
            saved.save(root / f"step-{step}.h5")
            if "legacy" not in framework:
                model.save_weights(root / f"weights-{step}.weights.h5")
                # Without the optimizer's settings in Keras 3.
                saved.save(root / f"later-{step}.keras")
            states.append(([np.array(value) for value in model.get_weights()], rate))
            factors.append(np.concatenate([size.ravel() for size in sizes]))
    for key, array in (inputs | {"target": target}).items():
        np.save(root / f"train-{key}.npy", array[:TRAIN])
        np.save(root / f"test-{key}.npy", array[TRAIN:])
    assert len(target) == N
    return Run(FAMILY, version, root, inputs, target, states), factors
