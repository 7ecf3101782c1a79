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


def network(kit):
    kit.utils.set_random_seed(5)
    return kit.Sequential(
        [
            kit.layers.Input((4,), name="features"),
            kit.layers.Dense(3, activation="relu", name="hidden"),
            kit.layers.BatchNormalization(),
            kit.layers.Dropout(0.5),
            kit.layers.Dense(3, activation="softmax"),
        ],
        name="small",
    )


def main():
    model = network(keras)
    model.compile(keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    fit(model, 3)
    about = {"layers": [layer.name for layer in model.layers], "version": keras.__version__}
    model.save(folder / "adam.keras")
    record("adam.keras", architecture=about)
    model.save(folder / "adam.h5")
    record("adam.h5", architecture=about)
    model.save_weights(folder / "adam.weights.h5")
    record("adam.weights.h5")

    # A whole model that was never compiled, repacked with compression, as zip tools do it.
    plain = network(keras)
    plain.save(folder / "plain.keras")
    with zipfile.ZipFile(folder / "plain.keras") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(folder / "deflated.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    (folder / "plain.keras").unlink()
    record("deflated.keras", architecture={"layers": [layer.name for layer in plain.layers], "version": keras.__version__, "compiled": False})

    legacy = network(tf_keras)
    legacy.compile(tf_keras.optimizers.legacy.SGD(0.05, momentum=0.9), loss="sparse_categorical_crossentropy")
    fit(legacy, 2)
    about = {"layers": [layer.name for layer in legacy.layers], "version": tf_keras.__version__}
    legacy.save(folder / "keras2.h5")
    record("keras2.h5", architecture=about)
    legacy.save_weights(folder / "keras2-weights.h5")
    record("keras2-weights.h5")

    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    print({path.name: path.stat().st_size for path in sorted(folder.iterdir())})


main()
