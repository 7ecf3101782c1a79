"""Writes the golden Keras files of test/unit/golden/keras with the real Keras 3, tf_keras (Keras 2) and h5py.

    python test/golden/keras_files.py

`expected.json` lists for each file its tensors as h5py reads them (path, shape, element type, values), and the learning
rate, step and architecture as Keras itself says them.
"""

import io
import json
import os
import pathlib
import zipfile

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import h5py
import keras
import numpy
import tf_keras

folder = pathlib.Path(__file__).parent.parent / "unit" / "golden" / "keras"
folder.mkdir(parents=True, exist_ok=True)
expected = {}


def describe(dataset):
    value = dataset[()]
    dtype = str(value.dtype)
    if dtype == "|V2":
        bits = numpy.frombuffer(value.tobytes(), "<u2").astype("<u4") << 16
        value, dtype = bits.view("<f4").reshape(value.shape), "bfloat16"
    if dtype == "bool" or "int" in dtype:
        flat = value.reshape(-1).astype(object).tolist()
    else:
        flat = [str(v) if v != v or abs(v) == float("inf") else v for v in value.astype("f4").reshape(-1).tolist()]
    return {"dtype": dtype, "shape": list(value.shape), "values": flat}


def tensors(opened):
    found = {}
    opened.visititems(lambda path, item: found.update({path: describe(item)} if isinstance(item, h5py.Dataset) else {}))
    return found


def record(name, **more):
    path = folder / name
    if name.endswith(".keras"):
        with zipfile.ZipFile(path) as archive:
            opened = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    else:
        opened = h5py.File(path)
    with opened:
        expected[name] = {"tensors": tensors(opened), **more}


def fit(model, steps):
    generator = numpy.random.default_rng(3)
    x, y = generator.normal(size=(4 * steps, 4)), generator.integers(0, 3, 4 * steps)
    model.fit(x, y, batch_size=4, epochs=1, verbose=0)


def about(model, kit, compiled=True):
    return {"layers": [layer.name for layer in model.layers], "version": kit.__version__, "compiled": compiled}


def moments(model):
    """The variables with the squared gradients, by the paths of their parameters, as Keras 3 itself pairs them."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    kept = getattr(optimizer, "_velocity_hats", None) if getattr(optimizer, "amsgrad", False) else optimizer._velocities
    return {
        variable.path: numpy.asarray(kept[index]).reshape(-1).tolist()
        for index, variable in enumerate(model.trainable_variables)
    }


def network(kit, dtype="float32"):
    kit.utils.set_random_seed(5)
    return kit.Sequential(
        [
            kit.layers.Input((4,), name="features"),
            kit.layers.Dense(3, activation="relu", name="hidden", dtype=dtype),
            kit.layers.BatchNormalization(name="norm"),
            kit.layers.Dense(3, activation="softmax", name="out"),
        ],
        name="small",
    )


def compiled(kit, optimizer, steps=3):
    model = network(kit)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    fit(model, steps)
    return model


def write_schedules():
    """The rates of every schedule for the first updates."""
    kit = keras.optimizers.schedules
    cases = [
        kit.ExponentialDecay(0.1, 7, 0.9),
        kit.ExponentialDecay(0.1, 7, 0.5, staircase=True),
        kit.PiecewiseConstantDecay([5, 11], [0.3, 0.2, 0.1]),
        kit.PolynomialDecay(0.1, 10, 0.01, power=0.5),
        kit.PolynomialDecay(0.1, 6, 0.02, power=2.0, cycle=True),
        kit.InverseTimeDecay(0.1, 5, 0.7),
        kit.InverseTimeDecay(0.1, 5, 0.7, staircase=True),
        kit.CosineDecay(0.1, 12, alpha=0.1),
        kit.CosineDecay(0.01, 12, alpha=0.05, warmup_target=0.2, warmup_steps=4),
        kit.CosineDecayRestarts(0.1, 4),
        kit.CosineDecayRestarts(0.1, 5, t_mul=1.0, m_mul=0.8, alpha=0.1),
        kit.CosineDecayRestarts(0.1, 3, t_mul=1.5, m_mul=0.9),
    ]
    golden = []
    for schedule in cases:
        about = kit.serialize(schedule)
        rates = [float(schedule(keras.ops.convert_to_tensor(step, "int64"))) for step in range(30)]
        golden.append({"class_name": about["class_name"], "config": about["config"], "rates": rates})
    (folder / "schedules.json").write_text(json.dumps(golden) + "\n")


def write_keras3():
    optimizers = keras.optimizers
    model = compiled(keras, optimizers.Adam(0.01))
    model.save(folder / "adam.keras")
    record("adam.keras", architecture=about(model, keras), rate=0.01, step=3, moments=moments(model))
    model.save(folder / "adam.h5")
    record("adam.h5", architecture=about(model, keras), rate=0.01, step=3, moments=moments(model))
    # As ReduceLROnPlateau does it.
    model.optimizer.learning_rate = 0.002
    model.save_weights(folder / "adam.weights.h5")
    record("adam.weights.h5", rate=0.002, step=3)

    # A whole model that was never compiled, repacked with compression, as zip tools do it.
    plain = network(keras, "float16")
    plain.save(folder / "plain.keras")
    with zipfile.ZipFile(folder / "plain.keras") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(folder / "deflated.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    (folder / "plain.keras").unlink()
    record("deflated.keras", architecture=about(plain, keras, compiled=False))

    schedule = optimizers.schedules.CosineDecay(0.01, 20, warmup_target=0.1, warmup_steps=5)
    model = compiled(keras, optimizers.Adam(schedule, amsgrad=True, use_ema=True), 8)
    model.save(folder / "schedule.keras")
    rate = float(schedule(7))
    record("schedule.keras", architecture=about(model, keras), rate=rate, step=8, moments=moments(model))

    inner = optimizers.RMSprop(0.03, centered=True, momentum=0.5)
    model = compiled(keras, optimizers.LossScaleOptimizer(inner))
    model.save(folder / "loss-scale.keras")
    record("loss-scale.keras", architecture=about(model, keras), rate=0.03, step=3, moments=moments(model))
    model.save(folder / "loss-scale.h5")
    record("loss-scale.h5", architecture=about(model, keras), rate=0.03, step=3, moments=moments(model))

    keras.utils.set_random_seed(6)
    layers = keras.layers
    recurrent = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(4, 3, dtype="bfloat16"),
            layers.Bidirectional(layers.LSTM(2)),
            layers.Dropout(0.5, seed=1),
            keras.Sequential([layers.Dense(2)]),
        ]
    )
    recurrent.save_weights(folder / "nested.weights.h5")
    record("nested.weights.h5")

    @keras.saving.register_keras_serializable()
    class WarmUp(optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1

        def get_config(self):
            return {}

    model = compiled(keras, optimizers.SGD(WarmUp()))
    model.save(folder / "own-schedule.keras")
    record("own-schedule.keras", unknown="follows the schedule WarmUp, but the schedule WarmUp is not known", step=3)


def write_without_configuration():
    """The optimizer's variables without what tells its kind: a file of weights, and a model saved after Keras has written it as .h5."""
    layers = keras.layers
    keras.utils.set_random_seed(7)
    normal = layers.Normalization()
    normal.adapt(numpy.random.default_rng(4).normal(size=(8, 4)))
    model = keras.Sequential([keras.Input((4,)), normal, layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy")
    fit(model, 2)
    model.save_weights(folder / "normalised.weights.h5")
    record("normalised.weights.h5", rate=0.01, step=2)
    model.save(folder / "first.h5")
    (folder / "first.h5").unlink()
    model.save(folder / "after-h5.keras")
    record("after-h5.keras", architecture=about(model, keras), rate=0.01, step=2)

    # Here the second variable is the momentum of a parameter that is one number, or would be the rate without the schedule.
    x = keras.Input((4, 2))
    y = layers.Dense(3)(layers.Flatten()(layers.Attention(use_scale=True)([x, x])))
    model = keras.Model(x, y)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 7, 0.9)), loss="mse")
    model.fit(numpy.ones((4, 4, 2)), numpy.ones((4, 3)), verbose=0)
    model.save_weights(folder / "scale.weights.h5")
    record("scale.weights.h5", unknown="may be the rate or belong to a parameter that is a single number", step=1)


def write_keras2():
    optimizers = tf_keras.optimizers
    model = compiled(tf_keras, optimizers.legacy.Adam(0.05, decay=0.01), 4)
    model.save(folder / "keras2.h5")
    record("keras2.h5", architecture=about(model, tf_keras), rate=0.05 / (1 + 0.01 * 3), step=4)
    model.save_weights(folder / "keras2-weights.h5")
    record("keras2-weights.h5")
    model = compiled(tf_keras, optimizers.RMSprop(0.02), 2)
    model.save(folder / "keras2-rmsprop.h5")
    record("keras2-rmsprop.h5", architecture=about(model, tf_keras), rate=0.02, step=2)
    model.save(folder / "keras2.keras")
    record("keras2.keras", architecture=about(model, tf_keras), rate=0.02, step=2)


def main():
    write_schedules()
    write_keras3()
    write_without_configuration()
    write_keras2()
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    print({path.name: path.stat().st_size for path in sorted(folder.iterdir())})


main()
