"""The order in which the real Keras lists the trained variables of the models in test/unit/golden/keras, which is that of its optimizers.

    python test/golden/keras_order.py

Writes test/unit/golden/keras/order.json: by golden, the names that `.weights.h5` gives the variables, in the order of `trainable_variables`.
"""

import gzip
import json
import os
import sys

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
sys.dont_write_bytecode = True

import keras
import numpy as np
import tf_keras
from keras_goldens import container
from synthetic import ROOT

FOLDER = ROOT / "test" / "unit" / "golden" / "keras"
orders = {}
for kind in ("layers", "recurrent"):
    cases = json.loads(gzip.decompress((FOLDER / kind / "cases.json.gz").read_bytes()))
    for name, case in cases.items():
        K = keras if str(case["version"]).startswith("3") else tf_keras
        K.backend.clear_session()
        try:
            model = K.models.model_from_json(json.dumps(case["config"]))
        except Exception as error:
            print(kind, name, "cannot be made again:", str(error).splitlines()[0][:150])
            continue
        # Numbers that tell the variables apart, also where Keras stores one of them twice.
        values = [np.full(weight.shape, index + 1, "float32") if "int" not in str(weight.dtype) else np.array(weight) for index, weight in enumerate(model.weights)]
        model.set_weights(values)
        paths = {array.flat[0]: path for path, array in container(model).items() if array.size}
        numbers = {id(weight): index + 1 for index, weight in enumerate(model.weights)}
        trained = [numbers[id(weight)] for weight in model.trainable_variables]
        orders[f"{kind}/{name}"] = [paths[number] for number in trained]
(FOLDER / "order.json").write_text(json.dumps(orders) + "\n")
print(len(orders), "models")
