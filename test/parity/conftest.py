"""Runs the command line on copies of the samples, once for each question."""

import json
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

# Before anything imports TensorFlow.
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

import numpy as np
import pytest
import torch

from agreement import TOLERANCE, worst_found
from compatibility import Compatibility, Place
from samples import ROOT, SAMPLES

sys.path.insert(0, str(ROOT / "test" / "golden"))
from influence import gradient, one  # noqa: E402

QUERIES = 10
CLI = os.environ.get("TRACIN_CLI", str(ROOT / "dist" / "cli.js"))


def pytest_addoption(parser):
    parser.addoption("--update-compatibility", action="store_true", help="write docs/compatibility.md instead of comparing with it")


def pytest_configure():
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    # It compares what all others recorded.
    items.sort(key=lambda item: item.path.name == "test_compatibility.py")


@pytest.fixture(scope="session")
def compatibility():
    return Compatibility()


@pytest.fixture
def record_compatibility(compatibility):
    """record_compatibility(framework, format, family) is a cell of docs/compatibility.md.

    Its `passed(difference)` takes the largest difference relative to the query's largest score, or several of them in several calls, of which
    the largest counts; its `refused(message)` what the command line said; its `not_exported()` that the tool cannot write the model. `format` names the exporter where there are several.
    """

    def record(framework, format, family):
        place = Place(framework, format, family)
        return SimpleNamespace(
            passed=lambda difference: compatibility.passed(place, difference),
            refused=lambda message: compatibility.refused(place, message),
            not_exported=lambda: compatibility.not_exported(place),
        )

    return record


@pytest.fixture
def whole_suite(pytestconfig):
    """Whether every test of the suite ran and passed before this one."""
    return pytestconfig.args_source != pytestconfig.ArgsSource.ARGS and not left_out


# Tests that did not run, or failed.
left_out: list[str] = []


def pytest_deselected(items):
    left_out.extend(item.nodeid for item in items)


def pytest_runtest_logreport(report):
    if report.skipped or report.failed:
        left_out.append(report.nodeid)


def pytest_terminal_summary(terminalreporter):
    for what, difference in worst_found.items():
        terminalreporter.write_line(f"{what}: largest difference {difference:.1e} of the largest (at most {TOLERANCE:.0e})")


@pytest.fixture(scope="session", params=SAMPLES, ids=lambda sample: sample.name)
def sample(request):
    return request.param


class Cli:
    """Answers of `tracin scores` and `tracin self-influence` as arrays."""

    def __init__(self, folder):
        self.folder = folder
        self.answers = {}

    def workspace(self, sample, layers=None):
        """A copy of the sample; with `layers`, only the parameters that match these patterns count."""
        target = self.folder / f"{sample.name}-{'all' if layers is None else 'some'}"
        if not target.exists():
            shutil.copytree(sample.root, target, ignore=shutil.ignore_patterns(".tracin", "__pycache__"))
            if layers is not None:
                path = target / sample.config
                path.write_text(json.dumps(json.loads(path.read_text()) | {"layers": list(layers)}))
        return target

    def run(self, sample, *arguments, layers=None, env=None):
        key = (sample.name, arguments, layers)
        if key not in self.answers:
            workspace = self.workspace(sample, layers)
            out = workspace / f"answer-{len(self.answers)}.npy"
            command = ["node", CLI, *arguments, "--config", sample.config, "--out", out.name]
            done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, timeout=600, env=os.environ | (env or {}))
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
            self.answers[key] = np.load(out)
        return self.answers[key]

    def scores(self, sample, *arguments, **options):
        return self.run(sample, "scores", "--queries", f"test:0-{QUERIES - 1}", *arguments, **options)

    def self_influence(self, sample, *arguments, **options):
        return self.run(sample, "self-influence", *arguments, **options)


@pytest.fixture(scope="session")
def cli(tmp_path_factory):
    return Cli(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="session")
def expected(sample):
    """Scores [C, M, N] and self-influence [C, N] by float64 PyTorch autograd, rates included."""
    model = sample.model()
    train, train_targets = sample.split("train")
    test, test_targets = sample.split("test")

    def flat(inputs, targets, index):
        _, found = gradient(model, one(inputs, index), targets[index : index + 1], "softmax-cross-entropy", "sum")
        return torch.cat([part.flatten() for part in found.values()])

    scores, own = [], []
    for state, rate in sample.contents:
        model.load_state_dict(state)
        asked = torch.stack([flat(test, test_targets, row) for row in range(QUERIES)])
        columns, squares = [], []
        for row in range(len(train_targets)):
            found = flat(train, train_targets, row)
            columns.append(rate * (asked @ found))
            squares.append(rate * (found @ found))
        scores.append(torch.stack(columns, 1))
        own.append(torch.stack(squares))
    return torch.stack(scores).numpy(), torch.stack(own).numpy()
