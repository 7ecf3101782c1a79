"""Preconditioned scores from the optimizer's state in files of Keras, against GradientTape in double precision."""

import numpy as np
import pytest
from keras_models import QUERIES, TRAIN
from keras_optimizers import FRAMEWORKS, train
from test_keras import configuration
from workspace import ask, worst_difference, write_config

WHOLE = {".keras": ("step-8.keras", "step-*.keras"), ".h5": ("step-8.h5", "step-*.h5")}
# Their settings are in the model's file.
LENT = {"model.keras with .weights.h5": ("step-8.keras", "weights-*.weights.h5"), ".keras saved after .h5": ("step-8.keras", "later-*.keras")}
CASES = [(framework, name) for framework, (_, _, optimizers) in FRAMEWORKS.items() for name in optimizers]


@pytest.mark.parametrize(("framework", "name"), CASES)
def test_preconditioned(framework, name, tmp_path, record_compatibility):
    run, factors = train(framework, name, tmp_path)
    scores, own = [], []
    for rows, (_, rate), factor in zip(run.gradients(), run.states, factors, strict=True):
        scores.append(rate * (rows[TRAIN:] * factor) @ rows[:TRAIN].T)
        own.append(rate * (rows[:TRAIN] ** 2 * factor).sum(1))
    formats = {".h5": WHOLE[".h5"]} if "legacy" in framework else WHOLE | LENT
    for format, (model, checkpoints) in formats.items():
        # Keras 2 does not keep the rate beside the weights.
        is_bare = checkpoints.startswith("weights") and framework == "Keras 2"
        rates = [rate for _, rate in run.states] if is_bare else "from-file"
        write_config(tmp_path, configuration(run, model, checkpoints, rates, preconditioner="from-file"))
        cell = record_compatibility("Preconditioned scores of Keras", f"{framework}, {format}", name)
        found = ask(tmp_path, "scores", "--queries", f"test:0-{QUERIES - 1}", "--per-checkpoint", "--processes", "1")
        cell.passed(worst_difference(found, np.stack(scores), 2e-5))
        found_own = ask(tmp_path, "self-influence", "--per-checkpoint", "--processes", "1")
        cell.passed(worst_difference(found_own[:, None], np.stack(own)[:, None], 2e-5))
