"""The TensorFlow engine on TensorFlow's own library: operator by operator, and the command line on the samples."""

import os
import subprocess
import sys

import pytest
from samples import ROOT

from agreement import assert_close, assert_same_top

MISSING = 3


@pytest.fixture(scope="session")
def folder():
    """Where tfjs-node lies with a binding for the tensorflow-cpu of this interpreter."""
    built = subprocess.run(
        ["node", str(ROOT / "test/parity/tensorflow.mjs"), sys.executable], capture_output=True, text=True, timeout=600
    )
    if built.returncode == MISSING and not os.environ.get("TRACIN_TENSORFLOW_REQUIRED"):
        pytest.skip(f"no TensorFlow engine: {built.stderr.strip()}")
    assert built.returncode == 0, built.stderr
    return built.stdout.strip()


def ask(question, sample, folder):
    return question(sample, "--engine", "tensorflow", env={"TRACIN_TENSORFLOW": folder})


def test_scores(sample, cli, expected, folder):
    found = ask(cli.scores, sample, folder)
    scores = expected[0].sum(0)
    assert_close(found, scores, "scores by TensorFlow")
    assert_same_top(found, scores, "scores by TensorFlow")
    assert_close(found, cli.scores(sample), "scores by TensorFlow, against onnxruntime")


def test_self_influence(sample, cli, expected, folder):
    found = ask(cli.self_influence, sample, folder)
    assert_close(found, expected[1].sum(0), "self-influence by TensorFlow")
    assert_close(found, cli.self_influence(sample), "self-influence by TensorFlow, against onnxruntime")


def test_operators(folder):
    """The engine's unit tests: the ONNX project's own cases, the gradient rules, memory."""
    tests = ["test/unit/engines/tensorflow", "test/unit/autodiff/golden.test.ts", "test/unit/autodiff/onnxruntime.test.ts"]
    done = subprocess.run(
        ["npx", "vitest", "run", "--reporter=verbose", *tests],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"TRACIN_TEST_TENSORFLOW": folder},
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "computes on the backend tensorflow" in done.stdout, "the tests did not use the library"
