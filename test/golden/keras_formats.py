"""Goldens for whole workspaces of Keras: real files of every kind, data as CSV, and the scores by GradientTape in double precision.

    python test/golden/keras_formats.py

Writes test/unit/golden/keras/formats/ (see README.md).
"""

import json
import sys

import numpy as np
from keras_goldens import GOLDEN, filled, keras, set_floatx, tf, tf_keras

OUT = GOLDEN / "formats"
TRAIN, TEST, CLASSES = 8, 3, 3
COLUMNS = ["a", "b", "c", "d"]


def build(K, softmax):
    """A model with another one inside, batch normalisation, and an operation."""
    L = K.layers
    x = K.Input((4,), name="measurements")
    inner = K.Sequential([K.Input((4,)), L.Dense(5, activation="relu"), L.BatchNormalization(), L.Dense(3)], name="encoder")
    h = inner(x) * 0.5 + L.Dense(3, name="side")(x)
    return K.Model(x, L.Dense(CLASSES, activation="softmax" if softmax else None, name="species")(h))


def gradients(model, rows, targets, softmax):
    found = []
    for row, target in zip(rows, targets, strict=True):
        with tf.GradientTape() as tape:
            output = model(tf.constant(row[None]), training=False)[0]
            log = tf.math.log(output) if softmax else tf.nn.log_softmax(output)
            loss = -log[int(target)]
        sources = [getattr(v, "value", v) if isinstance(model, keras.Model) else v for v in model.trainable_variables]
        found.append(np.concatenate([tf.convert_to_tensor(g).numpy().ravel() for g in tape.gradient(loss, sources)]))
    return np.array(found)


def trained(K, softmax, files, rate):
    """Trains a little, saves the model after each epoch with each of `files`, and scores the examples at each epoch."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(TRAIN + TEST, 4)).astype("float32").round(3)
    targets = (np.arange(TRAIN + TEST) % CLASSES).astype("int64")
    K.utils.set_random_seed(1)
    K.backend.clear_session()
    model = build(K, softmax)
    loss = "sparse_categorical_crossentropy" if softmax else K.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(K.optimizers.SGD(rate), loss=loss)
    scores, self_influence = [], []
    for epoch in (1, 2):
        model.fit(rows[:TRAIN], targets[:TRAIN], epochs=1, batch_size=4, shuffle=False, verbose=0)
        for save in files:
            save(model, epoch)
        set_floatx(K, "float64")
        K.backend.clear_session()
        double = filled(build(K, softmax), [np.array(value).astype("float64") for value in model.get_weights()])
        found = gradients(double, rows.astype("float64"), targets, softmax)
        set_floatx(K, "float32")
        scores.append((rate * found[:TRAIN] @ found[TRAIN:].T).tolist())
        self_influence.append((rate * (found[:TRAIN] ** 2).sum(axis=1)).tolist())
    return rows, targets, {"rate": rate, "scores": scores, "self": self_influence}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    at = lambda name: str(OUT / name)
    rows, targets, three = trained(
        keras,
        True,
        [
            lambda m, epoch: m.save(at(f"three-{epoch}.keras")),
            lambda m, epoch: epoch == 2 and m.save(at("three.h5")),
            lambda m, epoch: epoch == 2 and m.save_weights(at("three.weights.h5")),
            lambda m, epoch: epoch == 2 and (OUT / "three.json").write_text(m.to_json()),
        ],
        0.125,
    )
    _, _, two = trained(
        tf_keras,
        False,
        [
            lambda m, epoch: m.save(at(f"two-{epoch}.h5")),
            lambda m, epoch: epoch == 2 and m.save(at("two.keras")),
            lambda m, epoch: epoch == 2 and m.save_weights(at("two-weights.h5")),
            lambda m, epoch: epoch == 2 and (OUT / "two.json").write_text(m.to_json()),
        ],
        0.25,
    )
    for name, part in (("train", slice(0, TRAIN)), ("test", slice(TRAIN, None))):
        lines = [",".join([*map(str, row), f"class {target}"]) for row, target in zip(rows[part], targets[part], strict=True)]
        (OUT / f"{name}.csv").write_text("\n".join([",".join([*COLUMNS, "species"]), *lines]) + "\n")
    (OUT / "expected.json").write_text(json.dumps({"three": three, "two": two}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
