"""Models that Keras trains, from the files that its ModelCheckpoint writes, against GradientTape in double precision."""

import numpy as np
import pytest
from keras_models import FAMILIES, QUERIES, TRAIN
from keras_runs import copied, quantised, train
from workspace import ask, worst_difference, write_config

# Of files that hold no rate: what a person writes.
RULED = "ruled"
# version -> format -> (model file, checkpoints, learning rates)
FORMATS = {
    3: {
        ".keras": ("epoch-3.keras", "epoch-*.keras", "from-file"),
        ".h5": ("epoch-3.h5", "epoch-*.h5", "from-file"),
        "model.keras with .weights.h5": ("model.keras", "weights-*.weights.h5", "from-file"),
    },
    2: {
        ".keras": ("epoch-3.keras", "epoch-*.keras", "from-file"),
        ".h5": ("epoch-3.h5", "epoch-*.h5", "from-file"),
        "model.keras with .weights.h5": ("model.keras", "weights-*.weights.h5", RULED),
        "TensorFlow.js model.json": ("tfjs-epoch-3/model.json", "tfjs-epoch-*/model.json", RULED),
    },
}


def configuration(run, model, checkpoints, rates, **more):
    def data(split):
        arrays = {name: f"{split}-{name}.npy" for name in (*run.inputs, "target")}
        return {"npy": arrays, "target": "target"}

    return {
        "model": model,
        "checkpoints": {"files": checkpoints, "learningRate": list(run.family.rates) if rates is RULED else rates} | more,
        "data": {"train": data("train"), "test": data("test")},
        "features": {name: {"array": name} for name in run.inputs},
    }


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("keras")


@pytest.fixture(scope="session")
def expected():
    made = {}

    def of(run):
        if run.folder not in made:
            made[run.folder] = scores_of(run)
        return made[run.folder]

    return of


def scores_of(run):
    """Scores [C, M, N] and self-influence [C, N]."""
    parts = [(rows[:TRAIN], rows[TRAIN:], rate) for rows, (_, rate) in zip(run.gradients(), run.states, strict=True)]
    scores = np.stack([rate * asked @ train.T for train, asked, rate in parts])
    return scores, np.stack([rate * (train**2).sum(1) for train, _, rate in parts])


def compare(workspace, scores, own, tolerance, cell):
    found = ask(workspace, "scores", "--queries", f"test:0-{QUERIES - 1}", "--per-checkpoint", "--processes", "1")
    found_own = ask(workspace, "self-influence", "--per-checkpoint", "--processes", "1")
    cell.passed(worst_difference(found, scores, tolerance))
    cell.passed(worst_difference(found_own[:, None], own[:, None], tolerance))


# All families in .keras of Keras 3; the other files hold such networks and weights in another wrapping, which a few families show. (Layers of
# Keras 2 one by one: test/golden/keras_layers.py and keras_recurrent.py.)
WRAPPED = {"mlp", "cnn", "gru", "transformer", "functional", "MobileNetV2", "inception_resnet"}
CASES = [
    (family, version, format)
    for version in FORMATS
    for family in FAMILIES
    for format in FORMATS[version]
    if (version, format) == (3, ".keras") or family.build.__name__ in WRAPPED
]


@pytest.mark.parametrize(("family", "version", "format"), CASES, ids=[f"{f.build.__name__}-keras{v}{k}" for f, v, k in CASES])
def test_family(family, version, format, folder, expected, record_compatibility):
    run = train(family, version, folder)
    model, checkpoints, rates = FORMATS[version][format]
    workspace = copied(run, checkpoints.split("-")[0] + checkpoints.split("*")[-1].replace("/", "-"), {model.split("/")[0], checkpoints.split("/")[0]})
    write_config(workspace, configuration(run, model, checkpoints, rates))
    compare(workspace, *expected(run), family.tolerance, record_compatibility(f"Keras {version}", format, family.name))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16"])
def test_quantised(dtype, folder, record_compatibility):
    """Against the weights as the converter's own reader decodes them, which are not quite those of the training."""
    family = next(family for family in FAMILIES if family.build.__name__ == "cnn")
    run = quantised(train(family, 2, folder), dtype)
    workspace = copied(run, dtype, {f"tfjs-{dtype}-epoch-*"})
    write_config(workspace, configuration(run, f"tfjs-{dtype}-epoch-3/model.json", f"tfjs-{dtype}-epoch-*/model.json", RULED))
    cell = record_compatibility("Keras 2", f"TensorFlow.js model.json, quantised to {dtype}", family.name)
    compare(workspace, *scores_of(run), family.tolerance, cell)
