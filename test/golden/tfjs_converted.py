"""Writes golden TensorFlow.js models of test/unit/golden/tfjs with the Python converter: Keras models with quantised
weights, and a graph model.

    pip install --no-deps --target FOLDER tensorflowjs
    python test/golden/tfjs_converted.py FOLDER
    node test/golden/tfjs_files.mjs FOLDER_OF_TFJS

The package itself imports much that is not needed here; only its converters are loaded.
"""

import json
import os
import pathlib
import sys
import tempfile
import types

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy
import tensorflow
import tf_keras

source = pathlib.Path(sys.argv[1]) / "tensorflowjs"
for name in ["tensorflowjs", "tensorflowjs.converters"]:
    package = types.ModuleType(name)
    package.__path__ = [str(source.parent / name.replace(".", "/"))]
    sys.modules[name] = package
for name in ["tensorflow_hub", "tensorflow_decision_forests"]:
    sys.modules[name] = types.ModuleType(name)

from tensorflowjs import version  # noqa: E402, F401
from tensorflowjs.converters import keras_h5_conversion  # noqa: E402
from tensorflowjs.converters import tf_saved_model_conversion_v2  # noqa: E402

folder = pathlib.Path(__file__).parent.parent / "unit" / "golden" / "tfjs"

tf_keras.utils.set_random_seed(2)
model = tf_keras.Sequential(
    [
        tf_keras.layers.Input((4,), name="features"),
        tf_keras.layers.Dense(5, activation="relu", name="hidden"),
        tf_keras.layers.BatchNormalization(name="norm"),
        tf_keras.layers.Dense(3, name="out"),
    ],
    name="small",
)
model.compile(tf_keras.optimizers.SGD(0.25), loss="mse")
generator = numpy.random.default_rng(4)
model.set_weights([generator.normal(size=weight.shape).astype("float32") for weight in model.get_weights()])

with tempfile.TemporaryDirectory() as scratch:
    saved = pathlib.Path(scratch) / "model.h5"
    model.save(saved)
    for name, quantised in [
        ("converted", None),
        ("uint8", {"uint8": ["*"]}),
        ("uint16", {"uint16": ["*"]}),
        ("float16", {"float16": ["*kernel*"], "uint8": ["*bias*"]}),
    ]:
        topology, groups = keras_h5_conversion.h5_merged_saved_model_to_tfjs_format(str(saved), split_by_layer=False)
        (folder / name).mkdir(parents=True, exist_ok=True)
        keras_h5_conversion.write_artifacts(
            topology, groups, str(folder / name), quantization_dtype_map=quantised, weight_shard_size_bytes=100
        )

    class Lookup(tensorflow.Module):
        """A graph with weights of several types, text among them."""

        def __init__(self):
            self.table = tensorflow.Variable(generator.normal(size=(3, 2)).astype("float32"))

        @tensorflow.function(input_signature=[tensorflow.TensorSpec((None, 3), tensorflow.float32, "x")])
        def __call__(self, x):
            names = tensorflow.constant(["cat", "a dog", ""])
            picked = tensorflow.gather(names, tensorflow.argmax(x @ self.table, 1))
            return {"scores": x @ self.table, "names": picked}

    tensorflow.saved_model.save(Lookup(), str(pathlib.Path(scratch) / "saved"))
    tf_saved_model_conversion_v2.convert_tf_saved_model(
        str(pathlib.Path(scratch) / "saved"), str(folder / "graph"), skip_op_check=True
    )
print({str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()})
