"""Writes the workspace of a model that PyTorch exports: model, checkpoints, data and tracin.json.

    python make.py FOLDER --arch resnet18 --examples 128 --queries 10 --checkpoints 2

The model is exported by the script that the extension gives to people. Weights are drawn, not trained, and so are the inputs:
time does not depend on them.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from models import MODELS
from safetensors.torch import save_file

SCRIPT = Path(__file__).resolve().parents[3] / "media" / "export" / "export_to_tracin.py"
RATE = 0.1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arch", choices=list(MODELS), required=True)
    for name in ("examples", "queries", "checkpoints"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    kind = MODELS[options.arch]
    for index in range(options.checkpoints):
        save_file(state_of(kind()), folder / f"checkpoint-{index + 1}.safetensors")
    export(kind(), kind.sample(2), folder / "model.onnx")
    for name, count in (("train", options.examples), ("query", options.queries)):
        np.save(folder / f"{name}_x.npy", kind.sample(count).numpy())
        np.save(folder / f"{name}_y.npy", torch.randint(0, kind.classes, (count,)).numpy())
    rates = [RATE] * options.checkpoints
    (folder / "bench.json").write_text(json.dumps({"learningRates": rates}))
    data = {name: {"npy": {"x": f"{name}_x.npy", "y": f"{name}_y.npy"}, "target": "y"} for name in ("train", "query")}
    config = {
        "model": "model.onnx",
        "checkpoints": {"files": "checkpoint-*.safetensors", "learningRate": rates},
        "loss": "softmax-cross-entropy",
        "data": data,
        "features": {"x": {"array": "x"}},
    }
    (folder / "tracin.json").write_text(json.dumps(config, indent=2))


def state_of(model):
    return {name: value.contiguous() for name, value in model.state_dict().items() if value.is_floating_point()}


def export(model, example, path):
    spec = importlib.util.spec_from_file_location("export_to_tracin", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.model, script.example = model, example
    told = io.StringIO()
    with contextlib.redirect_stdout(told), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not script.export(str(path)):
            raise SystemExit(told.getvalue())


if __name__ == "__main__":
    main()
