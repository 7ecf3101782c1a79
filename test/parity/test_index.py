"""The gradient index as NumPy opens it: whole gradients, losses and norms, against float64 PyTorch autograd."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from safetensors.numpy import load_file

from agreement import assert_close
from conftest import CLI

# More than the gradients of most samples have: they are kept whole then.
NUMBERS = "20000"
ROWS = 128


@pytest.fixture(scope="module")
def index(sample, tmp_path_factory):
    """The manifest and, for each checkpoint, the tensors of all examples."""
    workspace = tmp_path_factory.mktemp("index") / sample.name
    shutil.copytree(sample.root, workspace, ignore=shutil.ignore_patterns(".tracin", "__pycache__"))
    command = ["node", CLI, "index", "--sketch", NUMBERS, "--shard-rows", str(ROWS), "--config", sample.config]
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, timeout=600, env=os.environ)
    assert done.returncode == 0, done.stderr
    folder = workspace / ".tracin" / "index"
    manifest = json.loads((folder / "index.json").read_text())
    checkpoints = []
    for place in range(len(manifest["checkpoints"])):
        shards = [load_file(folder / "shards" / f"{block['shards'][place]}.safetensors") for block in manifest["blocks"]]
        checkpoints.append({name: np.concatenate([shard[name] for shard in shards]) for name in shards[0]})
    places = [load_file(folder / "shards" / f"{block['rows']}.safetensors") for block in manifest["blocks"]]
    return manifest, checkpoints, places


def test_norms_are_self_influence(sample, index, expected):
    _, checkpoints, _ = index
    rates = [rate for _, rate in sample.contents]
    own = sum(rate * kept["self"].sum(1) for rate, kept in zip(rates, checkpoints, strict=True))
    assert_close(own.astype(np.float32), expected[1].sum(0), "self-influence from the index")


def test_products_of_whole_gradients_are_scores(sample, index, expected):
    manifest, checkpoints, _ = index
    if not manifest["exact"]:
        pytest.skip("its gradients have more elements than the index keeps")
    rates = [rate for _, rate in sample.contents]
    # An example's product with itself is its self-influence: the whole gradient is there, and nothing else.
    products = sum(rate * np.square(kept["sketch"], dtype=np.float64).sum(1) for rate, kept in zip(rates, checkpoints, strict=True))
    assert_close(products.astype(np.float32), expected[1].sum(0), "products of whole gradients")


def test_every_example_has_its_place(index):
    manifest, checkpoints, places = index
    lines = np.concatenate([block["line"] for block in places])
    assert len(lines) == manifest["examples"] == len(checkpoints[0]["loss"])
    assert all(len(block["start"]) <= ROWS and (block["end"] >= block["start"]).all() for block in places)
