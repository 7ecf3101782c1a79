"""Asks the command line about a folder with a tracin.json."""

import json
import os
import subprocess

import numpy as np
from samples import ROOT

CLI = os.environ.get("TRACIN_CLI", str(ROOT / "dist" / "cli.js"))


def run(workspace, *arguments, env=None):
    command = ["node", CLI, *arguments, "--root", str(workspace)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, env=os.environ | (env or {}))


def ask(workspace, *arguments, env=None):
    """The array that a command writes."""
    out = workspace / "answer.npy"
    done = run(workspace, *arguments, "--out", str(out), env=env)
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return np.load(out)


def refusal(workspace):
    """What the command line says where it refuses."""
    done = run(workspace, "inspect")
    assert done.returncode == 1, f"it was not refused\n{done.stdout}\n{done.stderr}"
    return done.stderr


def write_config(workspace, config):
    (workspace / "tracin.json").write_text(json.dumps(config))


def worst_difference(found, expected, tolerance):
    """Parts of each checkpoint [C, M, N] against each query's largest score: within the tolerance; gives the largest difference."""
    assert found.shape == expected.shape
    whole = np.abs(expected.sum(0)).max(-1, keepdims=True)
    assert (whole > 0).all()
    difference = float((np.abs(found - expected) / whole).max())
    assert difference <= tolerance, f"{difference:.2e}"
    return difference
