"""Preconditioned scores from the optimizer's state in files of Keras, against GradientTape in double precision."""

import numpy as np
import pytest
from keras_models import QUERIES, TRAIN
from keras_optimizers import FRAMEWORKS, train
from test_keras import configuration
from workspace import ask, worst_difference, write_config

CASES = [(framework, name) for framework, (_, _, optimizers) in FRAMEWORKS.items() for name in optimizers]


@pytest.mark.parametrize(("framework", "name"), CASES)
def test_preconditioned(framework, name, tmp_path, record_compatibility):
    run, factors = train(framework, name, tmp_path)
    scores, own = [], []
    for rows, (_, rate), factor in zip(run.gradients(), run.states, factors, strict=True):
        scores.append(rate * (rows[TRAIN:] * factor) @ rows[:TRAIN].T)
        own.append(rate * (rows[:TRAIN] ** 2 * factor).sum(1))
    for suffix in (".h5",) if "legacy" in framework else (".keras", ".h5"):
        config = configuration(run, f"step-8{suffix}", f"step-*{suffix}", "from-file", preconditioner="from-file")
        write_config(tmp_path, config)
        cell = record_compatibility("Preconditioned scores of Keras", f"{framework}, {suffix}", name)
        found = ask(tmp_path, "scores", "--queries", f"test:0-{QUERIES - 1}", "--per-checkpoint", "--processes", "1")
        cell.passed(worst_difference(found, np.stack(scores), 2e-5))
        found_own = ask(tmp_path, "self-influence", "--per-checkpoint", "--processes", "1")
        cell.passed(worst_difference(found_own[:, None], np.stack(own)[:, None], 2e-5))
